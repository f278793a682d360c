"""Which format hurts which layer: measured on calibration inputs, one layer at a time.

Labels have no part in it, so the samples that judge a plan later are not those that chose it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from picojoule.errors import InputError
from picojoule.formats import Float, Int, parse_format
from picojoule.ledger import Array
from picojoule.transforms.quantize import Channel, LayerPlan, Quantize, Quantizer, bake, card_of
from picojoule.transforms.quantize.scale import mse, unit

__all__ = ["FORMATS", "Damage", "damage", "layer_plan"]

# Widest first. The middle widths matter more than the ends: with 2 and 4 bits alone, 3 bits on
# average lose to 3 bits everywhere (`pj reproduce cptquant`).
FORMATS = ("float16", "int8", "int4", "int3", "int2")

# With a zero point, as OpenVINO, ONNX Runtime and CMSIS-NN have it; it folds into the bias. A
# symmetric scale would waste half of the codes after ReLU or GELU.
_INPUTS = Quantizer(Int(8, signed=False))

_BATCHES = 16  # that measure damage; the scales of inputs see the whole calibration


@dataclass(frozen=True, eq=False)
class Damage:
    """What each format does to the model's output when one layer alone has it.

    error[layer, format]: ‖y − y'‖² / ‖y‖²; NaN where the layer can't have the format. skipped:
    layers that can have none of them, with the reason.
    """

    layers: tuple[str, ...]
    formats: tuple[str, ...]
    error: Array
    skipped: Mapping[str, str]


def layer_plan(name: str) -> LayerPlan:
    """The quantisers of a layer in a format: 'int4' is int4 weights by output, and 8-bit inputs.

    Below 8 bits the scale of the weights is searched. Floats have no scale, and their inputs are
    floats too. Raises InputError for a format that is neither.
    """
    fmt = parse_format(name)
    if isinstance(fmt, Float):
        return LayerPlan(Quantizer(fmt, unit), Quantizer(fmt, unit))
    if not isinstance(fmt, Int) or fmt.bits > 8 or not fmt.signed:
        raise InputError("not a format of layers", got=name, expected="a float, or int2 to int8")
    if fmt.bits == 8:
        return LayerPlan(Quantizer(Int(8, narrow=True), granularity=Channel(0)), _INPUTS)
    return LayerPlan(Quantizer(fmt, mse, Channel(0)), _INPUTS)


def damage(
    model: Any, layers: Sequence[str], calibration: Sequence[Any], formats: Sequence[str] = FORMATS
) -> Damage:
    """The model runs once per layer and format, on up to 16 batches.

    A layer can't have a format that its quantiser refuses, or that leaves an output that is not
    finite. Raises InputError for a format that is none of layers.
    """
    batches = calibration[:_BATCHES]
    wanted = _outputs(model, batches)
    skipped: dict[str, str] = {}
    columns = []
    for name in formats:
        changed = Quantize(calibration).apply(model, dict.fromkeys(layers, layer_plan(name)))
        refused = {n: why for n, why in card_of(changed).skipped.items() if n in layers}
        skipped |= refused
        columns.append(_errors(model, bake(changed), layers, refused, batches, wanted))
    error = np.stack(columns, axis=1)
    some = np.isfinite(error).any(axis=1)
    lost = {n: skipped.get(n, "its output is not finite in any format")
            for n, has in zip(layers, some, strict=True) if not has}  # fmt: skip
    kept = tuple(n for n in layers if n not in lost)
    return Damage(kept, tuple(formats), error[some], lost)


def _errors(
    model: Any, changed: Any, layers: Sequence[str], refused: Mapping[str, str],
    batches: Sequence[Any], wanted: list[Array],
) -> Array:  # fmt: skip
    """The error with each layer of `changed` alone in a copy of `model`."""
    probe = copy.deepcopy(model)
    errors = np.full(len(layers), np.nan)
    for i, name in enumerate(layers):
        if name not in refused:
            probe.set_submodule(name, changed.get_submodule(name))
            errors[i] = _relative(wanted, _outputs(probe, batches))
            probe.set_submodule(name, model.get_submodule(name))
    return np.where(np.isfinite(errors), errors, np.nan)


def _outputs(model: Any, batches: Sequence[Any]) -> list[Array]:
    """The floating-point outputs of each batch."""
    import torch
    from torch.utils._pytree import tree_leaves

    found = []
    with torch.no_grad():
        for batch in batches:
            parts = batch if isinstance(batch, tuple | list) else (batch,)
            made = tree_leaves(model.eval()(*(torch.as_tensor(p) for p in parts)))
            tensors = [t for t in made if isinstance(t, torch.Tensor) and t.is_floating_point()]
            found += [t.double().numpy() for t in tensors]
    return found


def _relative(wanted: list[Array], got: list[Array]) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        error = sum(float(np.square(a - b).sum()) for a, b in zip(wanted, got, strict=True))
    return error / max(sum(float(np.square(a).sum()) for a in wanted), 1e-300)
