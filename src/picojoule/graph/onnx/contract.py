"""Matrix products and einsums of ONNX, as loop extents and operands.

A product of two tensors is reduced to b (in both and in the result), m (in the first and the
result), n (in the second and the result) and k (summed), whatever its axes were called.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from picojoule.formats import INT8, Int
from picojoule.graph.ir import Kind, Operand
from picojoule.graph.onnx.values import Node, Part, Value

__all__ = ["einsum", "gemm", "matmul", "matmul_nbits", "product"]

# Where quantised ops keep their tensors: (first, second, bias), beside scales and zero points.
_PLACES: dict[str, tuple[int, int, int | None]] = {
    "QLinearMatMul": (0, 3, None),
    "MatMulInteger": (0, 1, None),
    "MatMulIntegerToFloat": (0, 1, 6),
    "DynamicQuantizeMatMul": (0, 1, 4),
    "QGemm": (0, 3, 6),
}
Labels = tuple[str, ...]


def product(
    a: tuple[Value, Labels], b: tuple[Value, Labels], out: tuple[Value, Labels], *,
    extra: Sequence[tuple[Value | None, Operand]] = (), weight: Operand | None = None,
) -> Part:  # fmt: skip
    """The product of two labelled tensors. An axis of size 1 is not an axis of its tensor."""
    extents: dict[str, int] = {}
    for value, labels in (a, b, out):
        for label, size in zip(labels, value.sizes, strict=True):
            extents[label] = max(size, extents.get(label, 1))
    in_a, in_b, in_out = (_axes(v, labels, extents) for v, labels in (a, b, out))
    groups: dict[str, list[str]] = {}
    for label in extents:
        group = _group(label in in_a, label in in_b, label in in_out)
        groups.setdefault(group, []).append(label)
    dims = {g: math.prod(extents[x] for x in groups.get(g, ())) for g in "mnk"}
    for g in ("b", "i", "j"):
        if g in groups:
            dims[g] = math.prod(extents[x] for x in groups[g])
    second = b[0].at(_only("bknj", dims))
    operands = (
        a[0].at(_only("bmki", dims)),
        second if weight is None else (b[0], weight),
        *extra,
        out[0].out(_only("bmn", dims)),
    )
    return Part(Kind.MATMUL, dims, operands)


def _axes(value: Value, labels: Labels, extents: dict[str, int]) -> set[str]:
    sizes = zip(labels, value.sizes, strict=True)
    return {label for label, size in sizes if size == extents[label]}


def _group(in_a: bool, in_b: bool, in_out: bool) -> str:
    if in_a and in_b:
        return "b" if in_out else "k"
    if in_out or not (in_a or in_b):
        return "n" if in_b else "m"
    return "i" if in_a else "j"


def _only(names: str, dims: dict[str, int]) -> Labels:
    return tuple(n for n in names if n in dims)


def matmul(node: Node) -> list[Part]:
    """MatMul and its quantised and transposed forms; leading axes broadcast."""
    first, second, bias = _PLACES.get(node.op, (0, 1, None))
    a, b, y = node.need(first), node.need(second), node.result()
    if node.op == "DynamicQuantizeMatMul":  # quantises its first input on the way in
        a = Value(a.type, a.shape, INT8, a.role, source=a.source)
    la = _matrix(len(a.sizes), "m", "k", bool(node.attrs.get("transA")))
    lb = _matrix(len(b.sizes), "k", "n", bool(node.attrs.get("transB")), last=True)
    lead = max(len(a.sizes), len(b.sizes)) - 2
    tail = [x for x, v in (("m", a), ("n", b)) if len(v.sizes) > 1]
    ly = (*(f"b{i}" for i in range(lead, 0, -1)), *tail)
    return [product((a, la), (b, lb), (y, ly), extra=_bias(node, bias))]


def _matrix(rank: int, row: str, column: str, transposed: bool, *, last: bool = False) -> Labels:
    """Labels of the axes of a factor; a vector has only the summed one."""
    if rank == 1:
        return (row,) if last else (column,)
    tail = (column, row) if transposed else (row, column)
    return (*(f"b{i}" for i in range(rank - 2, 0, -1)), *tail)


def _bias(node: Node, place: int | None) -> list[tuple[Value | None, Operand]]:
    value = None if place is None else node.arg(place)
    return [] if value is None or not value.known else [value.at(("n",))]


def gemm(node: Node) -> list[Part]:
    """Gemm, FusedGemm and QGemm: the third term is an operand, its addition is free."""
    first, second, bias = _PLACES.get(node.op, (0, 1, 2))
    a, b, y = node.need(first), node.need(second), node.result()
    la = _matrix(2, "m", "k", bool(node.attrs.get("transA")))
    lb = _matrix(2, "k", "n", bool(node.attrs.get("transB")))
    return [product((a, la), (b, lb), (y, ("m", "n")), extra=_bias(node, bias))]


def matmul_nbits(node: Node) -> list[Part]:
    """Weights packed in blocks of few bits: [N, blocks, bytes], with one scale per block."""
    a, packed, y = node.need(0), node.need(1), node.result()
    n, k, bits = node.attrs["N"], node.attrs["K"], node.attrs.get("bits", 4)
    stored = packed.elements * 8 // bits
    weight = Operand(("k", "n"), Int(bits, signed=False), packed.role, stored=stored)
    scales = [v.at(("n",)) for v in (node.arg(i) for i in (2, 3)) if v is not None and v.known]
    dims = {"m": a.elements // k, "n": n, "k": k}
    return [
        Part(Kind.MATMUL, dims, (a.at(("m", "k")), (packed, weight), *scales, y.out(("m", "n"))))
    ]


def einsum(node: Node) -> list[Part]:
    """Any equation. Two tensors with a summed index are a matrix product; more than two are one
    loop nest over all indices, which a chain of pairwise products can undercut."""
    ins = [node.need(i) for i in range(len(node.ins))]
    y = node.result()
    labels, out = _equation(node.attrs["equation"], [len(v.sizes) for v in ins])
    summed = {x for part in labels for x in part} - set(out)
    distinct = all(len(set(part)) == len(part) for part in labels)
    if len(ins) == 2 and summed and distinct:
        return [product((ins[0], labels[0]), (ins[1], labels[1]), (y, out))]
    extents = {x: n for part, v in zip(labels, ins, strict=True)
               for x, n in zip(part, v.sizes, strict=True)}  # fmt: skip
    reads = [v.at(tuple(dict.fromkeys(part))) for v, part in zip(ins, labels, strict=True)]
    return [Part(_einsum_kind(len(ins), bool(summed)), extents, (*reads, y.out(out)))]


def _einsum_kind(inputs: int, summed: bool) -> Kind:
    if inputs == 1:
        return Kind.REDUCE if summed else Kind.COPY
    return Kind.MATMUL if summed else Kind.ELEMENTWISE


def _equation(text: str, ranks: Sequence[int]) -> tuple[list[Labels], Labels]:
    """Labels of each input and of the output; an ellipsis becomes labels '.2', '.1', ..."""
    left, arrow, right = text.replace(" ", "").partition("->")
    terms = left.split(",")
    labels = [_expand(t, rank) for t, rank in zip(terms, ranks, strict=True)]
    if arrow:
        known = max((sum(x[0] == "." for x in part) for part in labels), default=0)
        return labels, _expand(right, len(right.replace("...", "")) + known)
    counts = [x for part in labels for x in part]
    once = sorted(x for x in set(counts) if counts.count(x) == 1 and x[0] != ".")
    dots = sorted({x for x in counts if x[0] == "."}, reverse=True)
    return labels, (*dots, *once)


def _expand(term: str, rank: int) -> Labels:
    head, dots, tail = term.partition("...")
    free = rank - len(head) - len(tail)
    middle = tuple(f".{i}" for i in range(free, 0, -1)) if dots else ()
    return (*head, *middle, *tail)
