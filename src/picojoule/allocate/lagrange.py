"""Equal slopes: every unit trades sensitivity for cost at the same price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from picojoule.allocate.base import Choice
from picojoule.allocate.local import fill, shrink
from picojoule.allocate.problem import Problem
from picojoule.ledger import Array

__all__ = ["Lagrange", "Relaxed"]


class Relaxed(NamedTuple):
    """Picks within the budget, the price of each scaled resource, and that price's lower bound."""

    picks: Array
    price: Array
    bound: float


@dataclass(frozen=True, slots=True)
class Lagrange:
    """Each unit takes argmin s + λ·c; bisection finds the least λ >= 0 that meets the budget.

    Rate-distortion allocation (Shoham and Gersho, 1988; LPViT with c the power). Any λ gives the
    lower bound Σ min(s + λ·c) − λ·budget; the largest is the bound of the linear program, and the
    choice says its gap to it. What the budget has left is then spent by best ratio. With several
    resources the multipliers are bisected in turn for `sweeps` rounds: the bound holds, and need
    not be the largest.
    """

    steps: int = 60
    sweeps: int = 4

    def allocate(
        self, sensitivity: Array, cost: Array, budget: Array, ties: Sequence[tuple[int, ...]] = ()
    ) -> Choice:
        """See `Allocator.allocate`."""
        problem = Problem.of(sensitivity, cost, budget, ties)
        relaxed = self.relax(problem)
        return problem.choice(relaxed.picks, relaxed.bound, relaxed.price)

    def relax(self, problem: Problem) -> Relaxed:
        """The choice with its prices and bound. Raises InputError when nothing fits."""
        price = np.zeros(len(problem.limit))
        for _ in range(1 if len(price) == 1 else self.sweeps):
            for resource in range(len(price)):
                price = self._bisect(problem, price, resource)
        picks = fill(problem, shrink(problem, _at(problem, price)))
        return Relaxed(picks, price, min(_dual(problem, price), problem.loss(picks)))

    def _bisect(self, problem: Problem, price: Array, resource: int) -> Array:
        """Prices with the least one of `resource` that meets its limit; the dual peaks there."""

        def at(value: float) -> Array:
            return np.where(np.arange(len(price)) == resource, value, price)

        def met(value: float) -> bool:
            used = problem.used(_at(problem, at(value)))[resource]
            return bool(used <= problem.limit[resource])

        if met(0.0):
            return at(0.0)
        low, high = 0.0, _steepest(problem)
        for _ in range(self.steps):
            middle = (low + high) / 2
            low, high = (low, middle) if met(middle) else (middle, high)
        return at(high)


def _at(problem: Problem, price: Array) -> Array:
    """The pick of each group at these prices; of equals the lighter."""
    score = problem.sensitivity + problem.load @ price
    near = score <= score.min(axis=1, keepdims=True)
    picks: Array = np.where(near, problem.weight, np.inf).argmin(axis=1)
    return picks


def _dual(problem: Problem, price: Array) -> float:
    """Lower bound on the total sensitivity of any choice within the budget."""
    score = problem.sensitivity + problem.load @ price
    return float(score.min(axis=1).sum() - price @ problem.limit)


def _steepest(problem: Problem) -> float:
    """A price above every slope that counts: a sum of all sensitivities per 1e-6 of the budget."""
    known = problem.sensitivity[problem.available]
    return float(np.ptp(known)) * 1e6 or 1.0
