"""Chips and ops small enough to walk through, for the tests of the spatial family."""

from __future__ import annotations

from picojoule.chips import Chip, Compute, Constant, Efficiency, Memory, Runtime
from picojoule.chips.spatial import Constraint, Level, SpatialPart
from picojoule.formats import INT8
from picojoule.graph import Kind, Op, Operand, Role
from picojoule.graph.ir import Window
from picojoule.quantity import Evidence


def k(value):
    return Constant(value, value / 2, value * 2, "by hand", Evidence.MODELLED)


def memory(name, capacity, pj, rate=1e12, **more):
    return Memory(name, k(capacity), k(rate), k(1.0), k(pj), k(pj * 1.25), **more)


def chip(
    *, buffer=4096.0, regs=16.0, axes=None, unroll=None, levels=None, rules=None, part=None,
    inner=None,
):  # fmt: skip
    """DRAM, a shared buffer and registers in every unit of a 4 x 2 array, 8-bit."""
    axes = axes or {"x": 4, "y": 2}
    stores = [memory("DRAM", 1e9, 100.0), memory("buffer", buffer, 5.0)]
    stores += inner if inner is not None else [memory("regs", regs, 0.5)]
    level = {m.name: Level(per=tuple(axes)) for m in stores[2:]} | (levels or {})
    unit = Compute("array", ("contraction",), {"int8": k(8e9)}, {"int8": k(1.0)}, Efficiency(k(1)))
    spatial = SpatialPart(
        axes=axes, clock_hz=k(1e9), level=level,
        dataflow=Constraint(unroll=_default(axes) if unroll is None else unroll, **rules or {}),
        **{"partial_bits": 16, **(part or {})},
    )  # fmt: skip
    return Chip(
        name="toy", title="Toy", kind="npu", idle_w=k(0.001), max_w=k(10), memory=tuple(stores),
        compute=(unit,), runtime={"bare": Runtime(k(1e-6), fused=False)}, spatial=spatial,
    )  # fmt: skip


def _default(axes):
    return {a: d for a, d in {"x": ("filter",), "y": ("channel",)}.items() if a in axes}


def conv(k=4, c=2, p=4, r=3, *, n=1, g=1, q=1, s=1, stride=1, dilation=1, transposed=False):
    """A convolution without padding; transposed: the outputs slide."""
    slide = (Window("p", "r", stride, dilation), Window("q", "s", stride, dilation))
    x_slides, y_slides = ((), slide) if transposed else (slide, ())
    dims = {"n": n, "g": g, "k": k, "c": c, "p": p, "q": q, "r": r, "s": s}
    return Op("conv", Kind.CONV, dims, (
        Operand(("n", "g", "c", "p", "q"), INT8, Role.INPUT, windows=x_slides),
        Operand(("g", "k", "c", "r", "s"), INT8, Role.WEIGHT),
        Operand(("n", "g", "k", "p", "q"), INT8, Role.OUTPUT, windows=y_slides),
    ))  # fmt: skip


def matmul(m=4, n=4, k=4, role=Role.WEIGHT, fmt=INT8):
    return Op("mm", Kind.MATMUL, {"m": m, "n": n, "k": k}, (
        Operand(("m", "k"), fmt, Role.INPUT),
        Operand(("k", "n"), fmt, role),
        Operand(("m", "n"), fmt, Role.OUTPUT),
    ))  # fmt: skip
