"""The baseline: tasks in a given order, and when room is short the first to go is spilled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from picojoule.cost.scratchpad.dag import Dag
from picojoule.cost.scratchpad.plan import Plan

__all__ = ["greedy"]

_NEVER = 1 << 60


def greedy(
    dag: Dag,
    budget_b: int,
    order: Sequence[int] | None = None,
    evict: Literal["lru", "farthest"] = "lru",
) -> Plan:
    """Run in `order` (None: that of the graph); evict what was used least recently, or what is
    read farthest in the future (Belady 1966). What is never read again goes first, and for free.

    Raises InputError when the largest task doesn't fit.
    """
    dag.check_budget(budget_b)
    order = tuple(range(len(dag.tasks)) if order is None else order)
    uses: list[list[int]] = [[] for _ in dag.tensors]
    for step, t in enumerate(order):
        for i in {*dag.tasks[t].reads, *dag.tasks[t].makes}:
            uses[i].append(step)
    here: set[int] = set()
    outside: set[int] = set()
    resident, retrieved = [], []
    spilled: list[set[int]] = [set() for _ in order]
    for step, t in enumerate(order):
        task = dag.tasks[t]
        needed = {*task.reads, *task.makes}
        here = {i for i in here if uses[i][-1] >= step}
        came = {*task.reads} - here
        room = budget_b - task.streamed_b - sum(dag.tensors[i].size_b for i in needed)
        idle = sorted(here - needed, key=lambda i: _keep(uses[i], step, evict), reverse=True)
        for i in idle:
            room -= dag.tensors[i].size_b
            if room < 0:
                room += dag.tensors[i].size_b
                here.discard(i)
                if i not in outside:
                    spilled[step - 1].add(i)
                    outside.add(i)
        here |= needed
        resident.append(frozenset(here))
        retrieved.append(frozenset(came))
    gone = tuple(frozenset(s) for s in spilled)
    return Plan(order, tuple(resident), gone, tuple(retrieved))


def _keep(uses: list[int], step: int, evict: str) -> int:
    """Higher for what should stay."""
    if evict == "lru":
        return max(u for u in uses if u < step)
    return -min((u for u in uses if u >= step), default=_NEVER)
