"""A sequential torch model rewritten to run in integers alone, by the ops of `integer`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from picojoule.errors import InputError
from picojoule.extras import require
from picojoule.formats import INT8, Int
from picojoule.formats.arrays import finite
from picojoule.transforms.quantize.granularity import Channel
from picojoule.transforms.quantize.integer import norm, rescale, shift_gelu, shiftmax
from picojoule.transforms.quantize.plan import in_layer
from picojoule.transforms.quantize.quantizer import Quantizer
from picojoule.transforms.quantize.scale import dyadic_parts

__all__ = ["IntegerNetwork", "to_integers"]

Array = NDArray[Any]
Step = Callable[[Array], Array]  # int64 in, int64 out


@dataclass(frozen=True, slots=True, eq=False)
class IntegerNetwork:
    """Integers from the first code to the last.

    steps: one function a layer, by the layer's name. entry, exit: what one unit of the first and
    of the last code stands for.
    """

    steps: tuple[tuple[str, Step], ...]
    entry: float
    exit: float
    format: Int

    def __call__(self, x: ArrayLike) -> Array:
        """Floats in and out; float32."""
        codes = self.format.encode(finite(x) / self.entry).values.astype(np.int64)
        return (self.run(codes) * self.exit).astype(np.float32)

    def run(self, codes: Array) -> Array:
        """int64 in and out. Raises InputError if a step should leave the integers."""
        for name, step in self.steps:
            codes = step(codes)
            if codes.dtype != np.int64:
                raise InputError("not an integer", where=name, got=codes.dtype, expected="int64")
        return codes


def to_integers(model: Any, calibration: Iterable[Any], fmt: Int = INT8) -> IntegerNetwork:
    """`model`, a torch.nn.Sequential in eval mode, with weights and activations in `fmt`.

    Linear, ReLU, GELU, LayerNorm, Softmax, Flatten, Identity and Dropout; weights with a scale
    per output, activations with one per tensor, the largest that the calibration batches show.
    Biases are 32-bit integers in the accumulator's unit; rescaling is dyadic. Raises InputError
    for any other layer, with its name, for a format other than signed integers, and for
    calibration data that are not finite or none.
    """
    torch = require("torch", "torch")
    layers = list(model.named_children()) if isinstance(model, torch.nn.Sequential) else []
    if not layers:
        raise InputError("not a torch.nn.Sequential with layers", got=type(model).__name__)
    if unknown := [(n, m) for n, m in layers if type(m).__name__ not in _BUILDERS]:
        name, module = unknown[0]
        raise InputError(
            "no integer form of this layer", where=name, got=type(module).__name__,
            expected=", ".join(_BUILDERS),
        )  # fmt: skip
    if not fmt.signed:
        raise InputError("integer networks need signed integers", got=fmt.name)
    largest = _largest(torch, layers, calibration)
    top = fmt.limits[1]
    entry = step = largest[0] / top
    steps: list[tuple[str, Step]] = []
    for (name, module), peak in zip(layers, largest[1:], strict=True):
        with in_layer(name):
            made, step = _BUILDERS[type(module).__name__](module, step, peak / top, fmt)
        steps.append((name, made))
    return IntegerNetwork(tuple(steps), entry, step, fmt)


def _largest(torch: Any, layers: list[tuple[str, Any]], batches: Iterable[Any]) -> list[float]:
    """The largest magnitude of the input and of each layer's output."""
    peaks = [0.0] * (len(layers) + 1)
    count = 0
    with torch.no_grad():
        for batch in batches:
            x = torch.as_tensor(batch).float()
            for i, (name, module) in enumerate([("the input", lambda v: v), *layers]):
                x = module(x)
                if not bool(torch.isfinite(x).all()):
                    raise InputError("calibration data are not finite", where=name)
                peaks[i] = max(peaks[i], float(x.abs().max()))
            count += 1
    if not count:
        raise InputError("no calibration data", got="0 batches")
    return [p or 1.0 for p in peaks]


def _linear(module: Any, step: float, out: float, fmt: Int) -> tuple[Step, float]:
    weight = module.weight.detach().cpu().numpy()
    encoded = Quantizer(Int(fmt.bits, narrow=True), granularity=Channel(0)).encode(weight)
    codes = encoded.codes.values.astype(np.int64)
    assert encoded.scale is not None  # noqa: S101  (an integer grid has one)
    unit = encoded.scale.step[:, 0].astype(np.float64) * step
    bias = 0 if module.bias is None else module.bias.detach().cpu().numpy() / unit
    added = np.clip(np.rint(bias), -(2**31), 2**31 - 1).astype(np.int64)
    most = np.abs(codes).sum(axis=1) * -int(fmt.limits[0]) + np.abs(added)
    if (most >= 2**31).any():
        raise InputError(
            "a sum can exceed 32 bits", got=f"{most.max():.3g}", expected="below 2^31",
            fix="fewer bits, or fewer inputs to the layer",
        )  # fmt: skip
    m, e = dyadic_parts(unit / out)
    return partial(_dense, weight=codes.T, bias=added, m=m, e=e, fmt=fmt), out


def _norm(module: Any, step: float, out: float, fmt: Int) -> tuple[Step, float]:
    n = module.normalized_shape[0]
    if len(module.normalized_shape) != 1:
        raise InputError("only the last axis can be normalised", got=module.normalized_shape)
    one, zero = np.ones(n), np.zeros(n)
    weight, bias = (
        d if p is None else p.detach().cpu().double().numpy()
        for p, d in ((module.weight, one), (module.bias, zero))
    )
    m, e = dyadic_parts(np.maximum(np.abs(weight), 1e-30) * np.sqrt(n) / 2**30 / out, 30)
    added = np.rint(bias / out).astype(np.int64)
    return partial(_scaled, m=m * np.sign(weight).astype(np.int64), e=e, bias=added, fmt=fmt), out


def _gelu(module: Any, step: float, out: float, fmt: Int) -> tuple[Step, float]:
    m, e = dyadic_parts(step * 2.0 ** (1 - fmt.bits) / out)
    return partial(_gated, step=step, m=m, e=e, fmt=fmt), out


def _softmax(module: Any, step: float, out: float, fmt: Int) -> tuple[Step, float]:
    if module.dim != -1:
        raise InputError("softmax over the last axis only", got=f"dim {module.dim}")
    return partial(shiftmax, step=step, bits=fmt.bits), 2.0 ** (1 - fmt.bits)


def _dense(x: Array, *, weight: Array, bias: Array, m: Array, e: Array, fmt: Int) -> Array:
    return _saturated(rescale(x @ weight + bias, m, e), fmt)


def _scaled(x: Array, *, m: Array, e: Array, bias: Array, fmt: Int) -> Array:
    return _saturated(rescale(norm(x), m, e) + bias, fmt)


def _gated(x: Array, *, step: float, m: Array, e: Array, fmt: Int) -> Array:
    return _saturated(rescale(shift_gelu(x, step, bits=fmt.bits), m, e), fmt)


def _relu(x: Array) -> Array:
    return np.maximum(x, 0)


def _flat(x: Array) -> Array:
    return x.reshape(len(x), -1)


def _same(x: Array) -> Array:
    return x


def _saturated(x: Array, fmt: Int) -> Array:
    low, high = (int(v) for v in fmt.limits)
    return np.clip(x, low, high)


_Builder = Callable[[Any, float, float, Int], tuple[Step, float]]
_BUILDERS: dict[str, _Builder] = {
    "Linear": _linear,
    "LayerNorm": _norm,
    "GELU": _gelu,
    "Softmax": _softmax,
    "ReLU": lambda module, step, out, fmt: (_relu, step),
    "Flatten": lambda module, step, out, fmt: (_flat, step),
    "Identity": lambda module, step, out, fmt: (_same, step),
    "Dropout": lambda module, step, out, fmt: (_same, step),
}
