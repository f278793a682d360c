"""The same graph in other number formats, as a runtime at a given precision would store them."""

from __future__ import annotations

from dataclasses import replace

from picojoule.formats import BF16, FP32, INT8, Float, Format
from picojoule.graph import Graph, Kind, Op, Operand

__all__ = ["PRECISIONS", "retarget"]

# Format of contractions, and of everything between them.
PRECISIONS: dict[str, tuple[Format, Format]] = {
    "fp32": (FP32, FP32),
    "bf16": (BF16, BF16),
    "int8": (INT8, FP32),
    "int8+bf16": (INT8, BF16),
}


def retarget(graph: Graph, precision: str) -> Graph:
    """`graph` with floating-point operands stored as `precision` says; integers stay.

    "int8" puts matrix products and convolutions in int8 and leaves the rest in fp32, which is what
    post-training quantisation on CPU runtimes does. Raises KeyError for an unknown precision.
    """
    inner, outer = PRECISIONS[precision]
    contractions = (Kind.MATMUL, Kind.CONV)
    return graph.with_ops(
        tuple(_convert(op, inner if op.kind in contractions else outer) for op in graph.ops)
    )


def _convert(op: Op, fmt: Format) -> Op:
    return replace(op, operands=tuple(_stored_as(o, fmt) for o in op.operands))


def _stored_as(operand: Operand, fmt: Format) -> Operand:
    return replace(operand, format=fmt) if isinstance(operand.format, Float) else operand
