"""Quantiles: the units sorted by a metric and cut into tiers, one option each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from picojoule.allocate.base import Choice
from picojoule.allocate.local import shrink
from picojoule.allocate.problem import Problem
from picojoule.errors import InputError
from picojoule.ledger import Array

__all__ = ["Quantile"]


@dataclass(frozen=True, slots=True)
class Quantile:
    """Tiers of the units by what they risk: the first tier gets the most expensive option.

    CPTQuant (Nanda et al., 2024) with 16, 8 and 4 bits. fractions: size of each tier, most
    sensitive first, adding up to 1; None makes one equal tier per option. When that exceeds the
    budget, all cuts move towards the most sensitive unit until it fits. A unit with fewer options
    than tiers gets the option at the same rank among its own.
    """

    fractions: tuple[float, ...] | None = None

    def allocate(
        self, sensitivity: Array, cost: Array, budget: Array, ties: Sequence[tuple[int, ...]] = ()
    ) -> Choice:
        """See `Allocator.allocate`. Raises InputError when the fractions don't add up to 1."""
        problem = Problem.of(sensitivity, cost, budget, ties)
        sizes = self.fractions or (1 / problem.load.shape[1],) * problem.load.shape[1]
        if min(sizes) < 0 or abs(sum(sizes) - 1) > 1e-6:
            raise InputError("fractions don't add up to 1", got=sizes)
        tiers = _tiers(problem, len(sizes))
        place = _places(problem)
        cuts = np.round(np.cumsum(sizes)[:-1] * len(place), 6)
        low, high = 0, len(place)  # how far the cuts move; at most, all are in the last tier
        while low < high:
            middle = (low + high) // 2
            picks = _cut(tiers, place + middle, cuts)
            low, high = (low, middle) if problem.fits(picks) else (middle + 1, high)
        return problem.choice(shrink(problem, _cut(tiers, place + low, cuts)))


def _cut(tiers: Array, place: Array, cuts: Array) -> Array:
    tier = np.searchsorted(cuts, place, side="right")
    picks: Array = tiers[np.arange(len(place)), tier]
    return picks


def _places(problem: Problem) -> Array:
    """Position of each group from the most sensitive, 0, on: what it risks from best to worst."""
    highest = np.where(problem.available, problem.sensitivity, -np.inf).max(axis=1)
    order = np.argsort(problem.sensitivity.min(axis=1) - highest, kind="stable")
    place = np.empty(len(order), dtype=int)
    place[order] = np.arange(len(order))
    return place


def _tiers(problem: Problem, count: int) -> Array:
    """Option of each group in each tier, the most expensive first."""
    weight = problem.weight
    order = np.argsort(weight, axis=1, kind="stable")  # what is not available comes last
    have = problem.available.sum(axis=1)
    share = np.linspace(1, 0, count) if count > 1 else np.zeros(1)
    rank = np.rint(share[None, :] * (have[:, None] - 1)).astype(int)
    tiers: Array = np.take_along_axis(order, rank, axis=1)
    return tiers
