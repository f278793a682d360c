"""Shares of the budget in proportion to a score, with a cap on how much a unit may lose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from picojoule.allocate.base import Choice
from picojoule.allocate.local import shrink
from picojoule.allocate.problem import Problem
from picojoule.errors import InputError
from picojoule.ledger import Array

__all__ = ["Proportional"]


@dataclass(frozen=True, slots=True)
class Proportional:
    """A unit keeps the share k·score of its full cost, never less than 1 − max_sparsity of it.

    ECoFLaP (Sung et al., ICLR 2024). The score is the sensitivity that a unit risks, from its best
    to its worst option. k is such that the shares add up to the budget; the unit takes the least
    sensitive option within its share of every resource. Raises InputError, with the budget that
    it needs, when the cap alone exceeds the budget.
    """

    max_sparsity: float = 1.0

    def allocate(
        self, sensitivity: Array, cost: Array, budget: Array, ties: Sequence[tuple[int, ...]] = ()
    ) -> Choice:
        """See `Allocator.allocate`."""
        if not 0 <= self.max_sparsity <= 1:
            raise InputError("max_sparsity out of range", got=self.max_sparsity, expected="0..1")
        problem = Problem.of(sensitivity, cost, budget, ties)
        share = np.stack([self._shares(problem, r) for r in range(len(problem.limit))], axis=1)
        excess = (problem.load - share[:, None, :]).max(axis=2)
        inside = problem.available & (excess <= 1e-12)
        least = np.where(problem.available, excess, np.inf).argmin(axis=1)
        best = np.where(inside, problem.sensitivity, np.inf).argmin(axis=1)
        return problem.choice(shrink(problem, np.where(inside.any(axis=1), best, least)))

    def _shares(self, problem: Problem, resource: int) -> Array:
        """Share of one resource by group, between its least and its full cost."""
        load, there = problem.load[..., resource], problem.available
        full, least = load.max(axis=1), np.where(there, load, np.inf).min(axis=1)
        floor = np.clip((1 - self.max_sparsity) * full, least, full)
        limit = problem.limit[resource]
        if floor.sum() > limit * (1 + 1e-9):
            needed = float(floor.sum() * problem.scale[resource])
            raise InputError(
                "the cap on sparsity needs more than the budget", where=f"resource {resource}",
                got=float(limit * problem.scale[resource]), expected=f"at least {needed:.6g}",
            )  # fmt: skip
        highest = np.where(there, problem.sensitivity, -np.inf).max(axis=1)
        wish = full * (highest - problem.sensitivity.min(axis=1))
        low, high = 0.0, float((full / np.where(wish > 0, wish, np.inf)).max())
        for _ in range(60):
            k = (low + high) / 2
            fits = np.clip(k * wish, floor, full).sum() <= limit
            low, high = (k, high) if fits else (low, k)
        shares: Array = np.clip(low * wish, floor, full)
        return shares
