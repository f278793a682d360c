"""Convolutions of ONNX, as loop extents, operands and sliding windows."""

from __future__ import annotations

from dataclasses import dataclass

from picojoule.graph.ir import Kind, Window
from picojoule.graph.onnx.values import Node, Part, Value

__all__ = ["conv", "conv_transpose"]

# Where ops keep image, weight and bias, when not in this order: quantised ones have scales between.
_PLACES: dict[str, tuple[int, int, int | None]] = {
    "QLinearConv": (0, 3, 8),
    "ConvInteger": (0, 1, None),
    "DeformConv": (0, 1, 3),
}
_SPATIAL, _KERNEL = ("p", "q", "u"), ("r", "s", "t")

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Slide:
    """Loop extents of a convolution, and the windows by which its kernel slides."""

    dims: dict[str, int]
    spatial: Labels
    kernel: Labels
    windows: tuple[Window, ...]


def _slide(node: Node, x: Value, w: Value, slid: Value, outer: str, inner: str) -> _Slide:
    """outer: the channels that are the first axis of the weight, inner: the second one's."""
    rank = len(w.sizes) - 2
    spatial, kernel = _SPATIAL[:rank], _KERNEL[:rank]
    groups = node.attrs.get("group", 1)
    dims = {"n": x.sizes[0], "g": groups, outer: w.sizes[0] // groups, inner: w.sizes[1]}
    dims |= dict(zip(spatial, slid.sizes[2:], strict=True))
    dims |= dict(zip(kernel, w.sizes[2:], strict=True))
    strides = node.attrs.get("strides") or [1] * rank
    dilations = node.attrs.get("dilations") or [1] * rank
    steps = zip(spatial, kernel, strides, dilations, strict=True)
    return _Slide(dims, spatial, kernel, tuple(Window(*s) for s in steps))


def conv(node: Node) -> list[Part]:
    """Convolution of 1 to 3 spatial axes, grouped, strided, dilated; quantised forms included.

    MACs: outputs × kernel × input channels per group. Padding is not stored.
    """
    first, second, bias = _PLACES.get(node.op, (0, 1, 2))
    x, w, y = node.need(first), node.need(second), node.result()
    s = _slide(node, x, w, y, "k", "c")
    more = [x.at(("g", "k")) for x in _extras(node, bias)]
    more += [v.at(("n", "g", "k", *s.spatial)) for v in _added(node)]
    operands = (
        x.at(("n", "g", "c", *s.spatial), windows=s.windows),
        w.at(("g", "k", "c", *s.kernel)),
        *more,
        y.out(("n", "g", "k", *s.spatial)),
    )
    return [Part(Kind.CONV, s.dims, operands)]


def _extras(node: Node, place: int | None) -> list[Value]:
    value = None if place is None else node.arg(place)
    return [] if value is None or not value.known else [value]


def _added(node: Node) -> list[Value]:
    """FusedConv adds its fourth input to the result; DeformConv reads offsets and a mask."""
    places = {"FusedConv": (3,), "DeformConv": (2, 4)}.get(node.op, ())
    return [v for i in places for v in _extras(node, i)]


def conv_transpose(node: Node) -> list[Part]:
    """MACs: inputs × kernel × output channels per group; p, q and u run over the input."""
    x, w, y = node.need(0), node.need(1), node.result()
    s = _slide(node, x, w, x, "c", "k")
    operands = (
        x.at(("n", "g", "c", *s.spatial)),
        w.at(("g", "c", "k", *s.kernel)),
        *(b.at(("g", "k")) for b in _extras(node, 2)),
        y.out(("n", "g", "k", *s.spatial), windows=s.windows),
    )
    return [Part(Kind.CONV, s.dims, operands)]
