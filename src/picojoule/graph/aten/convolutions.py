"""Convolutions of one to three dims: grouped, dilated, transposed, and their gradients.

Dims: n batch, g groups, k output and c input channels of a group, p q u positions, r s t kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from picojoule.graph.aten.parts import Call, Part
from picojoule.graph.ir import Kind, Window

__all__ = ["conv", "conv_backward"]

_SPATIAL, _KERNEL = ("p", "q", "u"), ("r", "s", "t")


@dataclass(frozen=True, slots=True)
class _Layout:
    """Dims of a convolution, and which of them index its input, weight and output.

    Windows slide over the larger side: the input, or the output of a transposed convolution,
    whose p, q and u run over its input.
    """

    dims: dict[str, int]
    x: tuple[str, ...]
    w: tuple[str, ...]
    y: tuple[str, ...]
    x_windows: tuple[Window, ...] = ()
    y_windows: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True)
class _Geometry:
    stride: Sequence[int]
    dilation: Sequence[int]
    transposed: bool
    groups: int


def _layout(x: Tensor, w: Tensor, y: Tensor, geometry: _Geometry) -> _Layout:
    rank = w.dim() - 2
    spatial, kernel = _SPATIAL[:rank], _KERNEL[:rank]
    first, second = ("c", "k") if geometry.transposed else ("k", "c")
    slid = x if geometry.transposed else y
    dims = {"n": x.shape[0] if x.dim() == rank + 2 else 1, "g": geometry.groups}
    dims |= {first: w.shape[0] // geometry.groups, second: w.shape[1]}
    dims |= dict(zip(spatial, slid.shape[-rank:], strict=True))
    dims |= dict(zip(kernel, w.shape[2:], strict=True))
    steps = [list(v) * rank if len(v) == 1 else list(v)
             for v in (geometry.stride, geometry.dilation)]  # fmt: skip
    windows = tuple(Window(*z) for z in zip(spatial, kernel, *steps, strict=True))
    side = {"c": ("n", "g", "c", *spatial), "k": ("n", "g", "k", *spatial)}
    weight = ("g", first, second, *kernel)
    if geometry.transposed:
        return _Layout(dims, side["c"], weight, side["k"], y_windows=windows)
    return _Layout(dims, side["c"], weight, side["k"], x_windows=windows)


def conv(call: Call) -> list[Part]:
    """aten.convolution(input, weight, bias, stride, padding, dilation, transposed, _, groups)."""
    x, w, bias, stride, _, dilation, transposed, _, groups = call.args[:9]
    y = call.outputs[0]
    lay = _layout(x, w, y, _Geometry(stride, dilation, transposed, groups))
    more = [] if bias is None else [call.read(bias, "g", "k")]
    slots = (
        call.read(x, *lay.x, windows=lay.x_windows),
        call.read(w, *lay.w),
        *more,
        call.write(y, *lay.y, windows=lay.y_windows),
    )
    return [Part(Kind.CONV, lay.dims, slots)]


def conv_backward(call: Call) -> list[Part]:
    """Gradients of input, weight and bias, where asked for; each of the first two is the same
    contraction as the forward."""
    dy, x, w, _, stride, _, dilation, transposed, _, groups, wanted = call.args[:11]
    lay = _layout(x, w, dy, _Geometry(stride, dilation, transposed, groups))
    dx, dw, db = call.out
    grad = call.read(dy, *lay.y, windows=lay.y_windows)
    parts = []
    if wanted[0]:
        out = call.write(dx, *lay.x, windows=lay.x_windows)
        parts.append(Part(Kind.CONV, lay.dims, (grad, call.read(w, *lay.w), out), "grad_input"))
    if wanted[1]:
        data = call.read(x, *lay.x, windows=lay.x_windows)
        parts.append(Part(Kind.CONV, lay.dims, (grad, data, call.write(dw, *lay.w)), "grad_weight"))
    if wanted[2]:
        slots = (call.read(dy, "e"), call.write(db, "e"))
        parts.append(Part(Kind.REDUCE, {"e": dy.numel()}, slots, "grad_bias"))
    return parts
