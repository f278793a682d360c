"""The cheapest option whose error stays under a cap, unit by unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from picojoule.allocate.base import Choice
from picojoule.allocate.local import shrink
from picojoule.allocate.problem import Problem
from picojoule.errors import InputError
from picojoule.ledger import Array

__all__ = ["ErrorCap"]


@dataclass(frozen=True, slots=True)
class ErrorCap:
    """argmin cost subject to sensitivity <= cap, else the least sensitive option.

    Sparse-vDiT (Chen et al., 2025) for attention patterns. cap: in the units of the sensitivity;
    None takes the least cap that meets the budget, which makes the worst unit as good as can be.
    Of tied units each has to stay under the cap. Raises InputError, with the least cap that would
    do, when a given one exceeds the budget.
    """

    cap: float | None = None

    def allocate(
        self, sensitivity: Array, cost: Array, budget: Array, ties: Sequence[tuple[int, ...]] = ()
    ) -> Choice:
        """See `Allocator.allocate`."""
        problem = Problem.of(sensitivity, cost, budget, ties)
        if self.cap is not None and problem.fits(picks := _under(problem, self.cap)):
            return problem.choice(picks)
        least = _least_cap(problem)
        if self.cap is not None:
            raise InputError(
                "the error cap exceeds the budget", got=self.cap, expected=f"at least {least:.6g}"
            )
        return problem.choice(shrink(problem, _under(problem, least)))


def _under(problem: Problem, cap: float) -> Array:
    inside = problem.available & (problem.worst <= cap)
    cheap = np.where(inside, problem.weight, np.inf).argmin(axis=1)
    picks: Array = np.where(inside.any(axis=1), cheap, problem.worst.argmin(axis=1))
    return picks


def _least_cap(problem: Problem) -> float:
    """Costs fall as the cap rises, so its candidates, the sensitivities, can be bisected."""
    caps = np.unique(problem.worst[problem.available])
    low, high = 0, len(caps) - 1
    while low < high:
        middle = (low + high) // 2
        fits = problem.fits(_under(problem, caps[middle]))
        low, high = (low, middle) if fits else (middle + 1, high)
    return float(caps[low])
