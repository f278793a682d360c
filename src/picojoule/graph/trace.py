"""pj.trace: one door for PyTorch modules, ONNX files and Hugging Face configs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from picojoule.errors import TraceError
from picojoule.extras import require
from picojoule.graph.ir import Graph, Phase

__all__ = ["trace"]


def trace(
    model: Any,
    inputs: Any = None,
    *,
    training: bool = False,
    optimizer: str = "sgd",
    real: bool = False,
    dims: Mapping[str, int] | None = None,
    batch: int = 1,
    prompt: int = 0,
    context: int = 0,
    dtype: str = "bfloat16",
) -> Graph:
    """What runs when `model` runs, as a Graph. No weights are allocated, nothing is computed.

    - nn.Module (or a function that builds one) with `inputs`: by watching the operators it calls.
      training=True adds the backward pass and the update of `optimizer` ("sgd" or "adamw").
      real=True runs on real tensors, for models whose control flow reads values.
    - path of an .onnx file: dims gives the dynamic axes, e.g. {"batch": 1}.
    - Hugging Face config (a config.json path, its folder, a dict, or a config object): `prompt`
      tokens make the prefill, `context` tokens make one decode step; both make both.

    Raises TraceError when the model can't be read or run, MissingExtra without torch or onnx.
    """
    if _is_torch(model):
        require("torch", "torch")
        from picojoule.graph.from_torch import from_torch

        if inputs is None:
            raise TraceError("a PyTorch model needs example inputs", fix="pj.trace(model, inputs)")
        return from_torch(model, inputs, training=training, optimizer=optimizer, real=real)
    if isinstance(model, str | Path) and Path(model).suffix == ".onnx":
        from picojoule.graph.from_onnx import from_onnx

        return from_onnx(model, dims)
    return _from_config(model, batch=batch, prompt=prompt, context=context, dtype=dtype)


def _is_torch(model: Any) -> bool:
    """Without importing torch: only a torch module has torch's class in its ancestry."""
    names = {f"{c.__module__}.{c.__name__}" for c in type(model).__mro__}
    is_module = "torch.nn.modules.module.Module" in names
    return is_module or (callable(model) and not hasattr(model, "to_dict"))


def _from_config(model: Any, *, batch: int, prompt: int, context: int, dtype: str) -> Graph:
    from picojoule.graph.from_hf import from_hf

    if not prompt and not context:
        raise TraceError(
            "a language-model config needs a length",
            fix="give prompt=1024 for a prefill, context=1024 for a decode step, or both",
        )
    parts = []
    if prompt:
        parts.append(from_hf(model, batch=batch, prompt=prompt, phase=Phase.PREFILL, dtype=dtype))
    if context:
        parts.append(from_hf(model, batch=batch, context=context, phase=Phase.DECODE, dtype=dtype))
    return parts[0] if len(parts) == 1 else _join(*parts)


def _join(first: Graph, second: Graph) -> Graph:
    from dataclasses import replace

    shift = len(first.ops)
    moved = tuple(
        replace(e, source=e.source + shift, target=e.target + shift) for e in second.edges
    )
    notes = tuple(dict.fromkeys([*first.notes, *second.notes]))
    return Graph(
        first.name, first.ops + second.ops, first.edges + moved,
        {**first.modules, **second.modules}, notes,
    )  # fmt: skip
