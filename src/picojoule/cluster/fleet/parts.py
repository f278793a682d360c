"""Parts of a model from its graph: cut where little data crosses, priced by ledgers."""

from __future__ import annotations

from collections.abc import Mapping

from picojoule.cluster.fleet.placement import Part
from picojoule.errors import InputError
from picojoule.graph.ir import Graph, Role
from picojoule.ledger import Ledger

__all__ = ["crossing", "parts_of"]


def crossing(graph: Graph) -> list[dict[tuple[int, int], float]]:
    """For each op, the bytes of every tensor that it or a later op needs from before it.

    A tensor is (op that made it, -1), or (op, operand) for an input of the model at its first and
    only user that is known.
    """
    fed = {(edge.target, edge.operand) for edge in graph.edges}
    needed: list[tuple[tuple[int, int], int, int, float]] = []  # tensor, from, to, bytes
    for edge in graph.edges:
        op = graph.ops[edge.target]
        size_b = op.bytes_of(op.operands[edge.operand])
        needed.append(((edge.source, -1), edge.source + 1, edge.target, size_b))
    for i, op in enumerate(graph.ops):
        for k, operand in enumerate(op.operands):
            if operand.role is Role.INPUT and (i, k) not in fed:
                needed.append(((i, k), 0, i, op.bytes_of(operand)))
    cuts: list[dict[tuple[int, int], float]] = [{} for _ in graph.ops]
    for tensor, first, last, size_b in needed:
        for i in range(first, last + 1):
            cuts[i][tensor] = max(size_b, cuts[i].get(tensor, 0.0))
    return cuts


def parts_of(graph: Graph, ledgers: Mapping[str, Ledger], *, tensors: int = 1) -> tuple[Part, ...]:
    """The graph as parts for `place`, cut wherever at most `tensors` tensors cross.

    ledgers: by tier, of this graph on the chip there. A part takes the joules and seconds of its
    ops. Raises InputError for no ledger, a graph without ops, and a ledger that lacks an op or
    an op's energy.
    """
    if not ledgers or not graph.ops:
        raise InputError("parts need a graph with ops and the ledger of at least one tier")
    cuts = crossing(graph)
    starts = [i for i, cut in enumerate(cuts) if i == 0 or len(cut) <= tensors]
    costs = {tier: _costs(graph, ledger, tier) for tier, ledger in ledgers.items()}
    parts = []
    for a, b in zip(starts, [*starts[1:], len(graph.ops)], strict=True):
        cost = {
            tier: (sum(j for j, _ in own[a:b]), sum(s for _, s in own[a:b]))
            for tier, own in costs.items()
        }
        parts.append(Part(graph.ops[a].name, cost, sum(cuts[a].values())))
    return tuple(parts)


def _costs(graph: Graph, ledger: Ledger, tier: str) -> list[tuple[float, float]]:
    totals = ledger.group_by("op", "phase")
    out = []
    for op in graph.ops:
        total = totals.get((op.name, op.phase.value))
        if total is None or total.coverage < 1:
            what = "is not in" if total is None else "has no energy in"
            raise InputError(f"the op {op.name!r} {what} the ledger", where=tier)
        out.append((total.energy.value, total.time.value))
    return out
