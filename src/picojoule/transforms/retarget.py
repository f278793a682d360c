"""The same graph in other number formats, as a runtime at a given precision would store them."""

from __future__ import annotations

from dataclasses import replace

from picojoule.formats import BF16, FP32, INT8, Float, Format, Int, parse_format
from picojoule.graph import Graph, Kind, Op, Operand, Role
from picojoule.transforms.quantize.plan import Stored

__all__ = ["PRECISIONS", "retarget"]

# Format of contractions, and of everything between them.
PRECISIONS: dict[str, tuple[Format, Format]] = {
    "fp32": (FP32, FP32),
    "bf16": (BF16, BF16),
    "int8": (INT8, FP32),
    "int8+bf16": (INT8, BF16),
    "int8w": (FP32, FP32),
    "int4w": (FP32, FP32),
}

# Weights of matrix products where they alone have fewer bits; int4 with a 16-bit scale for 32.
WEIGHTS: dict[str, Format] = {"int8w": INT8, "int4w": Stored(Int(4), 4 + 16 / 32)}


def retarget(graph: Graph, precision: str) -> Graph:
    """`graph` with floating-point operands stored as `precision` says; integers stay.

    "int8" puts matrix products and convolutions in int8 and leaves the rest in fp32, which is what
    post-training quantisation on CPU runtimes does; "int8w" and "int4w" the weights of matrix
    products alone. Any other name is a format of everything, or two of contractions and of the
    rest: "float16", "int8+int32". Raises InputError for an unknown one.
    """
    inner, outer = PRECISIONS.get(precision) or _formats(precision)
    weights = WEIGHTS.get(precision, inner)
    return graph.with_ops(tuple(_convert(op, inner, outer, weights) for op in graph.ops))


def _formats(names: str) -> tuple[Format, Format]:
    inner, _, outer = names.partition("+")
    return parse_format(inner), parse_format(outer or inner)


def _convert(op: Op, inner: Format, outer: Format, weights: Format) -> Op:
    fmt = inner if op.kind in (Kind.MATMUL, Kind.CONV) else outer
    matrices = weights if op.kind is Kind.MATMUL else fmt
    return replace(op, operands=tuple(
        _stored_as(o, matrices if _is_matrix(o) else fmt) for o in op.operands
    ))  # fmt: skip


def _is_matrix(operand: Operand) -> bool:
    """A weight that is no bias."""
    return operand.role is Role.WEIGHT and len(operand.dims) > 1


def _stored_as(operand: Operand, fmt: Format) -> Operand:
    return replace(operand, format=fmt) if isinstance(operand.format, Float) else operand
