"""Counts of work and bytes. Every MAC, vector operation and byte in picojoule comes from here.

One MAC is two FLOPs. Additions of residuals, activations and pooling are vector operations,
never MACs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from picojoule.graph.ir import Graph, Kind, Op, Operand, Phase, Role

__all__ = ["Counts", "bytes_by_role", "count", "macs", "vector_ops"]

_CONTRACTIONS = frozenset({Kind.MATMUL, Kind.CONV})

# Vector operations per element of the op's dims, by definition of each kind:
# softmax = max, subtract, exp, sum, divide; norm = sum, sum of squares, subtract, scale, affine.
_VECTOR_OPS_PER_ELEMENT = {
    Kind.SOFTMAX: 5,
    Kind.NORM: 5,
    Kind.POOL: 1,
    Kind.REDUCE: 1,
    Kind.ELEMENTWISE: 1,
    Kind.SCAN: 1,
    Kind.SORT: 1,
}


def macs(op: Op) -> int:
    """Multiply-accumulates of all repeats: the product of a contraction's loop extents."""
    if op.kind not in _CONTRACTIONS:
        return 0
    return op.extent(tuple(op.dims)) * op.repeat


def vector_ops(op: Op) -> int:
    """Elementwise operations of all repeats, for kinds that are not contractions."""
    per_element = _VECTOR_OPS_PER_ELEMENT.get(op.kind, 0)
    return per_element and op.extent(tuple(op.dims)) * per_element * op.repeat


def bytes_by_role(op: Op, *, main_memory: bool = True) -> dict[Role, float]:
    """Bytes of one run's operands by role; main_memory leaves out what stays on chip."""
    total: dict[Role, float] = {}
    for operand in op.operands:
        if not (main_memory and operand.on_chip):
            total[operand.role] = total.get(operand.role, 0.0) + op.bytes_of(operand)
    return total


@dataclass(frozen=True, slots=True)
class Counts:
    """Work of a graph. bytes_moved counts each operand once per run of its op."""

    macs: int
    vector_ops: int
    bytes_moved: float
    weight_bytes: float
    ops: int
    uncounted: int

    @property
    def flops(self) -> int:
        """Two per MAC. Vector operations are not included, as is the field's custom."""
        return 2 * self.macs


def count(graph: Graph, phases: Iterable[Phase] | None = None) -> Counts:
    """Totals of `graph`, or of the given phases of it."""
    chosen = set(phases) if phases is not None else set(Phase)
    ops = [op for op in graph.ops if op.phase in chosen]
    return Counts(
        macs=sum(macs(op) for op in ops),
        vector_ops=sum(vector_ops(op) for op in ops),
        bytes_moved=sum(sum(bytes_by_role(op).values()) * op.repeat for op in ops),
        weight_bytes=sum(op.bytes_of(w) for op in ops for w in _weights(op)),
        ops=len(ops),
        uncounted=sum(op.kind is Kind.CUSTOM for op in ops),
    )


def _weights(op: Op) -> Iterable[Operand]:
    return (o for o in op.operands if o.role is Role.WEIGHT)
