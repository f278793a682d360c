"""Addresses for the stays of a plan: no two that meet in time may meet in space."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from picojoule.cost.scratchpad.dag import Dag
from picojoule.cost.scratchpad.plan import Plan, Stay, stays

__all__ = ["addresses"]


def addresses(plan: Plan, dag: Dag, budget_b: int, time_limit_s: float = 10.0) -> dict[Stay, int]:
    """The first byte of each stay; empty when none was found in time or none exists.

    Streamed inputs take what is left at their step, in any pieces. First fit in three orders,
    then the above-or-below program of COSMA on the pairs that meet.
    """
    todo = [s for s in stays(plan) if dag.tensors[s.tensor].size_b]
    orders: tuple[Callable[[Stay], tuple[int, ...]], ...] = (
        lambda s: (-dag.tensors[s.tensor].size_b, s.first),
        lambda s: (s.first - s.last, -dag.tensors[s.tensor].size_b),
        lambda s: (s.first, -dag.tensors[s.tensor].size_b),
    )
    for order in orders:
        if found := _first_fit(sorted(todo, key=order), dag, budget_b):
            return found
    return _program(todo, dag, budget_b, time_limit_s)


def _meet(a: Stay, b: Stay) -> bool:
    return a.first <= b.last and b.first <= a.last


def _first_fit(todo: Sequence[Stay], dag: Dag, budget_b: int) -> dict[Stay, int]:
    placed: dict[Stay, int] = {}
    for stay in todo:
        size_b = dag.tensors[stay.tensor].size_b
        taken = sorted(
            (at, at + dag.tensors[s.tensor].size_b) for s, at in placed.items() if _meet(s, stay)
        )
        at = 0
        for low, high in taken:
            if low - at >= size_b:
                break
            at = max(at, high)
        if at + size_b > budget_b:
            return {}
        placed[stay] = at
    return placed


def _program(todo: Sequence[Stay], dag: Dag, budget_b: int, time_limit_s: float) -> dict[Stay, int]:
    """One start per stay and, for each pair that meets, one binary: which of them is below."""
    n = len(todo)
    pairs = [(a, b) for b in range(n) for a in range(b) if _meet(todo[a], todo[b])]
    if not pairs or len(pairs) > 400:
        return {}
    size = np.array([dag.tensors[s.tensor].size_b for s in todo], dtype=float) / budget_b
    matrix = np.zeros((2 * len(pairs), n + len(pairs)))
    high = np.zeros(2 * len(pairs))
    for k, (a, b) in enumerate(pairs):
        # a below b: start[a] + size[a] <= start[b] + (1 - below); else the other way round
        matrix[2 * k, [a, b, n + k]] = 1, -1, 1
        matrix[2 * k + 1, [b, a, n + k]] = 1, -1, -1
        high[2 * k : 2 * k + 2] = 1 - size[a], -size[b]
    result = milp(
        np.zeros(n + len(pairs)),
        constraints=LinearConstraint(matrix, -np.inf, high),
        integrality=np.r_[np.zeros(n), np.ones(len(pairs))],
        bounds=Bounds(0, np.r_[1 - size, np.ones(len(pairs))]),
        options={"time_limit": time_limit_s},
    )
    if result.x is None:
        return {}
    below = {(todo[a], todo[b]): result.x[n + k] > 0.5 for k, (a, b) in enumerate(pairs)}
    starts = sorted(zip(result.x[:n], todo, strict=True), key=lambda item: item[0])
    return _settle([stay for _, stay in starts], below, dag, budget_b)


def _settle(
    todo: Sequence[Stay], below: dict[tuple[Stay, Stay], bool], dag: Dag, budget_b: int
) -> dict[Stay, int]:
    """Whole bytes from the order of the program's starts: each as low as those below it allow."""
    placed: dict[Stay, int] = {}
    for stay in todo:
        under = [s for s in placed if below.get((s, stay), not below.get((stay, s), True))]
        ends = (placed[s] + dag.tensors[s.tensor].size_b for s in under)
        placed[stay] = max(ends, default=0)
        if placed[stay] + dag.tensors[stay.tensor].size_b > budget_b:
            return {}
    return placed
