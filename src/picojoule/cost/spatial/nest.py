"""Nest: a contraction as a loop nest over three tensors, the way a mapper sees it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from picojoule.cost.units import CONTRACTIONS
from picojoule.errors import InputError
from picojoule.graph import Op, Operand, Role
from picojoule.graph.ir import Window
from picojoule.ledger import Array

__all__ = ["Nest", "Slide", "Tensor", "nest_of"]


@dataclass(frozen=True)
class Slide:
    """A window: elements stride·p + dilation·r, of which `limit` exist (the rest is padding)."""

    p: int
    r: int
    stride: int
    dilation: int
    limit: float

    def touched(self, p: Array, r: Array) -> Array:
        """Distinct elements of a tile of p positions and r kernel elements.

        With coprime strides s and d, s·i + d·j collides exactly for (i, j) and (i+d, j-s), so
        p·r - max(0, p-d)·max(0, r-s) of the p·r sums are distinct.
        """
        common = math.gcd(self.stride, self.dilation)
        again = np.maximum(p - self.dilation / common, 0) * np.maximum(r - self.stride / common, 0)
        distinct: Array = np.minimum(p * r - again, self.limit)
        return distinct


@dataclass(frozen=True)
class Tensor:
    """One operand. dims: indices of the nest's dims that index it, windows apart. bits: of an
    element. size: elements that exist. slot: "input", "weight" or "output", which says how the
    array uses it; role: what it is to the graph, which says what memories serve it."""

    slot: str
    role: Role
    dims: tuple[int, ...]
    slides: tuple[Slide, ...]
    bits: float
    size: float
    on_chip: bool = False

    @cached_property
    def relevant(self) -> frozenset[int]:
        """Dims whose loops change the element that is used."""
        return frozenset((*self.dims, *(d for s in self.slides for d in (s.p, s.r))))

    def footprint(self, inner: Array, units: Array) -> Array:
        """Elements of a tile. inner: extents of the loops, (dims, ...); units: (dims,), the
        extents that parallel units add to each."""
        # In place and dim by dim: this is where a search spends its time.
        count = np.full(inner.shape[1:], np.prod(units[list(self.dims)]))
        for d in self.dims:
            count *= inner[d]
        for s in self.slides:
            count *= s.touched(inner[s.p] * units[s.p], inner[s.r] * units[s.r])
        return np.minimum(count, self.size, out=count)


@dataclass(frozen=True)
class Nest:
    """Loop extents and the three tensors: input, weight and output, in this order. operands:
    their numbers among the operands of the op."""

    names: tuple[str, ...]
    extents: tuple[int, ...]
    tensors: tuple[Tensor, Tensor, Tensor]
    operands: tuple[int, int, int]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one run."""
        return math.prod(self.extents)

    def select(self, words: tuple[str, ...]) -> list[int]:
        """Dims with one of these names or classes, in the order of the words."""
        found = [i for w in words for i, n in enumerate(self.names) if w in (n, self.kind(i))]
        return list(dict.fromkeys(found))

    def kind(self, dim: int) -> str:
        """The class of a dim: channel, kernel, filter, position or group (see Constraint)."""
        x, w, y = self.tensors
        if any(dim == s.r for t in self.tensors for s in t.slides):
            return "kernel"
        used = (dim in x.relevant, dim in w.relevant, dim in y.relevant)
        return {(True, True, False): "channel", (False, True, True): "filter",
                (True, False, True): "position"}.get(used, "group")  # fmt: skip


def nest_of(op: Op) -> Nest:
    """The nest of one run of `op`, a contraction of two operands into one.

    A bias or a scale beside them is left out: it indexes fewer dims than the two. Raises
    InputError for another kind of op, which this family can't price.
    """
    inputs = [i for i, o in enumerate(op.operands) if o.role is not Role.OUTPUT]
    outputs = [i for i, o in enumerate(op.operands) if o.role is Role.OUTPUT]
    if op.kind not in CONTRACTIONS or len(inputs) < 2 or len(outputs) != 1:
        raise InputError(
            "an array of multipliers can't run this op",
            where=op.name, got=op.kind.value, expected="a contraction of two operands into one",
            fix="leave it to SpatialEstimator, which prices it by its bytes",
        )  # fmt: skip
    widest = sorted(inputs, key=lambda i: -len(op.operands[i].dims))[:2]
    # The weights last; of two activations, the second one takes their place.
    first, second = sorted(widest, key=lambda i: (op.operands[i].role is Role.WEIGHT, i))
    chosen = (first, second, outputs[0])
    names = tuple(op.dims)
    x, w, y = (
        _tensor(op, names, slot, op.operands[i])
        for slot, i in zip(("input", "weight", "output"), chosen, strict=True)
    )
    return Nest(names, tuple(op.dims.values()), (x, w, y), chosen)


def _tensor(op: Op, names: tuple[str, ...], slot: str, operand: Operand) -> Tensor:
    slid = {w.dim for w in operand.windows}
    dims = tuple(names.index(d) for d in operand.dims if d not in slid)
    limits = _limits(op, operand)
    slides = tuple(
        Slide(names.index(w.dim), names.index(w.kernel), w.stride, w.dilation, limit)
        for w, limit in zip(operand.windows, limits, strict=True)
    )
    size = op.elements(operand)
    shape = tuple(op.dims[d] for d in operand.dims)
    bits = operand.format.bits_per_element(shape)
    return Tensor(slot, operand.role, dims, slides, bits, size, operand.on_chip)


def _limits(op: Op, operand: Operand) -> list[float]:
    """Elements that exist along each window, padding left out.

    The graph states only how many are stored in all. The same padding along every window
    explains that number in all usual convolutions; else only the total limits a tile.
    """
    spans = [_span(op, w) for w in operand.windows]
    if not spans or operand.stored is None:
        return [math.inf] * len(spans)
    others = op.extent(tuple(d for d in operand.dims if d not in {w.dim for w in operand.windows}))
    stored = operand.stored / others
    padding = (p for p in range(min(spans)) if math.prod(s - p for s in spans) == stored)
    common = next(padding, None)
    return [math.inf] * len(spans) if common is None else [float(s - common) for s in spans]


def _span(op: Op, w: Window) -> int:
    return (op.dims[w.dim] - 1) * w.stride + (op.dims[w.kernel] - 1) * w.dilation + 1
