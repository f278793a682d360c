"""A Graph from a Hugging Face `config.json`: decoder language models, without their weights.

Neither transformers nor torch is imported, and nothing of the config is executed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from picojoule.errors import TraceError
from picojoule.formats import parse_format
from picojoule.graph.hf.attention import attend
from picojoule.graph.hf.build import Builder, Run
from picojoule.graph.hf.decoder import Decoder, Experts, Latent, Layer
from picojoule.graph.hf.fields import is_config, read_config
from picojoule.graph.hf.mlp import experts_touched, feed
from picojoule.graph.hf.reading import read_decoder
from picojoule.graph.ir import Graph, Kind, Phase

__all__ = ["Parameters", "from_hf", "is_config", "parameters"]

_MAX_TOKENS = 2**40
_FULL = (
    "attention is counted in full, each query against each key that it may see; "
    "a causal kernel does about half of it in prefill"
)


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters of a model. active: those that one token uses (all, without experts)."""

    total: int
    active: int


def from_hf(
    config: str | Path | Mapping[str, Any] | Any,
    *,
    batch: int,
    prompt: int = 0,
    context: int = 0,
    phase: Phase,
    dtype: str = "bfloat16",
    decode_steps: int = 1,
    logits: Literal["all", "last"] = "all",
    name: str | None = None,
) -> Graph:
    """The ops of one prefill, or of `decode_steps` decode steps, of a decoder language model.

    config: path of a config.json or of its folder, a mapping, or an object with `to_dict()`.
    PREFILL: `prompt` new tokens per sequence, behind `context` cached ones (0 for a first turn).
    DECODE: one new token per sequence and step; `context` tokens are cached at the first step, and
    all steps are counted at their mean length. dtype: of weights, activations and cache.
    logits: the head runs on "all" positions of the prompt, or on the "last" one.
    Raises TraceError for a config or sizes that can't be, InputError for an unknown dtype.
    """
    values, where = read_config(config)
    decoder = read_decoder(values, where)
    run = _run(batch, prompt, context, Phase(phase), dtype, decode_steps)
    if logits not in ("all", "last"):
        raise TraceError("unknown choice of logits", got=repr(logits), expected="'all' or 'last'")
    b = Builder(run)
    _model(b, decoder, run.batch if logits == "last" else run.rows)
    return b.graph(name or _name(values, decoder), _notes(decoder, run, logits))


def parameters(config: str | Path | Mapping[str, Any] | Any) -> Parameters:
    """Stored and active parameters of the model that `config` describes. Tied weights count once.

    Raises TraceError as `from_hf` does.
    """
    decoder = read_decoder(*read_config(config))
    b = Builder(Run(1, 1, 0, parse_format("bfloat16"), Phase.PREFILL))
    _model(b, decoder, 1)
    return Parameters(b.parameters, b.parameters - b.inactive)


def _run(batch: int, prompt: int, context: int, phase: Phase, dtype: str, steps: int) -> Run:
    _check("batch", batch, 1)
    _check("context", context, 0)
    _check("decode_steps", steps, 1)
    if phase is Phase.PREFILL:
        _check("prompt", prompt, 1)
        return Run(batch, prompt, context, parse_format(dtype), phase)
    if phase is not Phase.DECODE:
        raise TraceError("not a phase of a language model", got=phase, expected="prefill or decode")
    # Costs are linear in the length, so N growing steps cost N times the mean one.
    return Run(batch, 1, context + steps // 2, parse_format(dtype), phase, steps)


def _check(name: str, value: object, least: int) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not least <= value <= _MAX_TOKENS:  # type: ignore[operator]
        raise TraceError(f"{name} is wrong", got=repr(value), expected=f"a whole number ≥ {least}")


def _model(b: Builder, d: Decoder, head_rows: int) -> None:
    family = d.family
    x = _embed(b, d)
    for i, layer in enumerate(d.layers):
        x = _layer(b, d, f"{family.layers}.{i}", x, layer)
    if d.final_norm:
        x = b.norm(family.final_norm, x, d.hidden, family.norm)
    if d.embed_width != d.hidden:
        x = b.linear(_beside(family.embed, "project_out"), x, d.embed_width, d.hidden)
    b.linear(
        "lm_head", x, d.vocab, d.embed_width, bias=family.head_bias, rows=head_rows,
        stored=not d.tied,
    )  # fmt: skip


def _embed(b: Builder, d: Decoder) -> int:
    family = d.family
    x = b.lookup(family.embed, d.vocab, d.embed_width)
    if d.embed_width != d.hidden:
        x = b.linear(_beside(family.embed, "project_in"), x, d.hidden, d.embed_width)
    if family.positions:
        place = b.lookup(family.positions, d.positions, d.hidden)
        x = _add(b, family.positions.rpartition(".")[0], "add_positions", d, x, place)
    return b.norm(family.embed_norm, x, d.hidden, family.norm) if family.embed_norm else x


def _beside(path: str, name: str) -> str:
    return f"{path.rpartition('.')[0]}.{name}"


def _layer(b: Builder, d: Decoder, path: str, x: int, layer: Layer) -> int:
    """One decoder layer: attention and MLP, each with its norms and its residual."""
    f = d.family
    b.modules[path] = "DecoderLayer"
    h = _norm(b, d, path, f.pre_attention, x)
    y = attend(b, d, f"{path}.{f.attention}", h, layer.window)
    y = _norm(b, d, path, f.post_attention, y)
    # A parallel MLP reads the layer's input, through its own norm or through attention's.
    base = x if d.parallel else _add(b, path, "add_attention", d, x, y)
    own_norm = f.pre_mlp if d.mlp_norm else None
    h = h if d.parallel and own_norm is None else _norm(b, d, path, own_norm, base)
    z = feed(b, d, f"{path}.{f.mlp}".rstrip("."), h, layer.mlp)
    z = _norm(b, d, path, f.post_mlp, z)
    return _add(b, path, "add_mlp", d, *((x, y, z) if d.parallel else (base, z)))


def _norm(b: Builder, d: Decoder, path: str, name: str | None, x: int) -> int:
    return x if name is None else b.norm(f"{path}.{name}", x, d.hidden, d.family.norm)


def _add(b: Builder, module: str, name: str, d: Decoder, *terms: int) -> int:
    width = (len(terms) - 1) * d.hidden
    inputs = dict.fromkeys(terms, d.hidden)
    return b.stream(module, name, Kind.ELEMENTWISE, width, inputs, target="add")


def _name(values: Mapping[str, Any], d: Decoder) -> str:
    given = values.get("_name_or_path")
    return given if isinstance(given, str) and given else d.model_type


def _notes(d: Decoder, run: Run, logits: str) -> tuple[str, ...]:
    notes = [*d.notes, _FULL]
    if run.phase is Phase.PREFILL:
        notes.append(f"the language-model head runs on {logits} positions of the prompt")
    if run.repeat > 1:
        notes.append(
            f"all {run.repeat} steps are counted with {run.past} cached tokens, their mean"
        )
    if windows := {layer.window for layer in d.layers if layer.window}:
        notes.append(f"sliding attention sees {max(windows)} tokens")
    if isinstance(d.attention, Latent) and run.phase is Phase.DECODE:
        notes.append("latent attention is counted with kv_b_proj absorbed, on the cached latents")
    mixtures = {layer.mlp for layer in d.layers if isinstance(layer.mlp, Experts)}
    for e in mixtures:
        touched = experts_touched(e.experts, e.active, run.rows)
        notes.append(
            f"{run.rows} tokens, each with {e.active} of {e.experts} experts, are taken to read "
            f"{touched:.1f} distinct ones per layer (uniform, independent routing)"
        )
    return tuple(notes)
