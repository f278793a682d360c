"""Matrix products."""

from __future__ import annotations

from picojoule.graph.aten.parts import Call, Part, Slot
from picojoule.graph.ir import Kind

__all__ = ["bmm", "grouped_mm", "mm", "mv", "product"]


def product(
    dims: dict[str, int], a: Slot, b: Slot, out: Slot, *more: Slot, label: str = ""
) -> Part:
    """A matrix product of `a` and `b`; `more` are biases and masks."""
    return Part(Kind.MATMUL, dims, (a, b, *more, out), label)


def mm(call: Call) -> list[Part]:
    """(m, k) x (k, n), with a bias of n elements before them or not."""
    *bias, a, b = call.inputs[:3]
    dims = {"m": a.shape[0], "n": b.shape[1], "k": a.shape[1]}
    more = [call.read(t, "n") for t in bias if t.numel() > 1]
    out = call.write(call.outputs[0], "m", "n")
    return [product(dims, call.read(a, "m", "k"), call.read(b, "k", "n"), out, *more)]


def bmm(call: Call) -> list[Part]:
    """(b, m, k) x (b, k, n)."""
    *bias, a, b = call.inputs[:3]
    dims = {"b": a.shape[0], "m": a.shape[1], "n": b.shape[2], "k": a.shape[2]}
    more = [call.read(t, "b", "m", "n") for t in bias]
    out = call.write(call.outputs[0], "b", "m", "n")
    return [product(dims, call.read(a, "b", "m", "k"), call.read(b, "b", "k", "n"), out, *more)]


def grouped_mm(call: Call) -> list[Part]:
    """Rows of `a`, sorted by expert, times one matrix each of `b`: every row meets one expert."""
    a, b = call.inputs[:2]
    out = call.outputs[0]
    dims = {"m": out.numel() // out.shape[-1], "n": b.shape[-1], "k": a.shape[-1]}
    ends = call.read(a, "m", "k"), call.read(b, "k", "n"), call.write(out, "m", "n")
    return [product(dims, *ends)]


def mv(call: Call) -> list[Part]:
    """(m, k) x (k), or a dot product."""
    *bias, a, v = call.inputs[:3]
    rows = ("m",) if a.dim() == 2 else ()
    dims = {"m": a.shape[0] if rows else 1, "k": v.shape[0]}
    more = [call.read(t, *rows) for t in bias if t.numel() > 1]
    out = call.write(call.outputs[0], *rows)
    return [product(dims, call.read(a, *rows, "k"), call.read(v, "k"), out, *more)]
