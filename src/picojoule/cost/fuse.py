"""Fusion: elementwise, norm and softmax ops run inside the kernel of their producer.

An op is fused into the op that makes one of its inputs when it is that op's only consumer. The
data between them is then marked on_chip at both ends. With several such producers it joins the
one that runs last; the others have to finish first and write their result.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace

from picojoule.graph import Edge, Graph, Kind, Op, Role

__all__ = ["fuse", "joins_producer"]

_FUSED_KINDS = frozenset({Kind.ELEMENTWISE, Kind.NORM, Kind.SOFTMAX})


def joins_producer(op: Op) -> bool:
    """Whether `op` runs inside the kernel that makes its input, and so has no launch."""
    return any(o.on_chip and o.role is not Role.OUTPUT for o in op.operands)


def fuse(graph: Graph) -> Graph:
    """The same ops and edges, with the data of fused pairs marked on_chip."""
    inside: defaultdict[int, set[int]] = defaultdict(set)
    for edge in _fused_edges(graph):
        inside[edge.source].add(_only_output(graph.ops[edge.source]))
        inside[edge.target].add(edge.operand)
    ops = (_mark(op, inside[i]) if i in inside else op for i, op in enumerate(graph.ops))
    return graph.with_ops(tuple(ops))


def _fused_edges(graph: Graph) -> Iterable[Edge]:
    """For each op that can be fused, the edge from its latest producer."""
    consumers = Counter(e.source for e in graph.edges)
    latest: dict[int, Edge] = {}
    for edge in graph.edges:
        source, target = graph.ops[edge.source], graph.ops[edge.target]
        if consumers[edge.source] == 1 and _can_join(target, source):
            latest[edge.target] = max(latest.get(edge.target, edge), edge, key=lambda e: e.source)
    return latest.values()


def _can_join(op: Op, producer: Op) -> bool:
    return (
        op.kind in _FUSED_KINDS
        and producer.kind is not Kind.CUSTOM
        and (op.repeat, op.phase) == (producer.repeat, producer.phase)
        and sum(o.role is Role.OUTPUT for o in producer.operands) == 1
    )


def _only_output(op: Op) -> int:
    return next(i for i, o in enumerate(op.operands) if o.role is Role.OUTPUT)


def _mark(op: Op, numbers: set[int]) -> Op:
    operands = (replace(o, on_chip=True) if i in numbers else o for i, o in enumerate(op.operands))
    return replace(op, operands=tuple(operands))
