"""Global top-k: one list of all units, and the first ones get their best option."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from picojoule.allocate.base import Choice
from picojoule.allocate.local import shrink
from picojoule.allocate.problem import Problem
from picojoule.errors import InputError
from picojoule.ledger import Array

__all__ = ["TopK"]


@dataclass(frozen=True, slots=True)
class TopK:
    """The k units that lose most by their cheapest option get their least sensitive one.

    MixLLM (Zheng et al., 2024) for output channels of all layers in one list, and global pruning.
    k: None takes the longest start of the list that the budget allows. Only two options of each
    unit are used, and the score is not per cost: units should cost about the same.
    """

    k: int | None = None

    def allocate(
        self, sensitivity: Array, cost: Array, budget: Array, ties: Sequence[tuple[int, ...]] = ()
    ) -> Choice:
        """See `Allocator.allocate`. Raises InputError when the top k exceed the budget."""
        problem = Problem.of(sensitivity, cost, budget, ties)
        low, high = shrink(problem, problem.weight.argmin(axis=1)), _best(problem)
        here = np.arange(len(low))
        saved = problem.sensitivity[here, low] - problem.sensitivity[here, high]
        order = np.argsort(-saved, kind="stable")
        added = (problem.load[here, high] - problem.load[here, low])[order]
        total = problem.used(low) + np.cumsum(added, axis=0)
        over = (total > problem.limit + 1e-9).any(axis=1)
        longest = int(over.argmax()) if over.any() else len(order)
        top = order[: self._length(longest)]
        low[top] = high[top]
        return problem.choice(low)

    def _length(self, longest: int) -> int:
        if self.k is not None and not 0 <= self.k <= longest:
            raise InputError("k exceeds the budget", got=self.k, expected=f"0..{longest}")
        return longest if self.k is None else self.k


def _best(problem: Problem) -> Array:
    """Each group's least sensitive option; of equals the lighter."""
    least = problem.sensitivity.min(axis=1, keepdims=True)
    best = problem.sensitivity <= least
    picks: Array = np.where(best, problem.weight, np.inf).argmin(axis=1)
    return picks
