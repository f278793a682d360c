"""Greedy: everyone starts with the best, and the cheapest loss goes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from picojoule.allocate.base import Choice
from picojoule.allocate.local import fill, shrink
from picojoule.allocate.problem import Problem
from picojoule.ledger import Array

__all__ = ["Greedy"]


@dataclass(frozen=True, slots=True)
class Greedy:
    """From every unit's least sensitive option, the move with the least sensitivity lost per cost
    saved, until the budget fits; then what is left is spent the same way.

    NetAdapt (Yang et al., ECCV 2018) with sensitivity for its short-term accuracy.
    """

    def allocate(
        self, sensitivity: Array, cost: Array, budget: Array, ties: Sequence[tuple[int, ...]] = ()
    ) -> Choice:
        """See `Allocator.allocate`."""
        problem = Problem.of(sensitivity, cost, budget, ties)
        best = problem.sensitivity.argmin(axis=1)
        return problem.choice(fill(problem, shrink(problem, best)))
