"""Integer linear program: the best choice, proven."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from picojoule.allocate.base import Choice
from picojoule.allocate.feasible import one_each, picked
from picojoule.allocate.lagrange import Lagrange, Relaxed
from picojoule.allocate.local import fill, shrink
from picojoule.allocate.problem import Problem
from picojoule.ledger import Array

__all__ = ["ILP"]

# The solver's tolerances are absolute (a gap of 1e-6, a constraint within 1e-7) and can't be set:
# large numbers make them small relative ones.
_LARGE = 1e4


@dataclass(frozen=True, slots=True)
class ILP:
    """min Σ s[u, o] x[u, o] subject to Σ c x <= budget and one option per unit, by HiGHS.

    The mixed-precision program of HAWQ-V3 (Yao et al., ICML 2021), for any number of options and
    resources. It stops at a relative gap of `gap`, or after `time_limit_s` seconds with the best
    choice so far; the choice says its bound.
    """

    gap: float = 0.0
    time_limit_s: float = 60.0

    def allocate(
        self, sensitivity: Array, cost: Array, budget: Array, ties: Sequence[tuple[int, ...]] = ()
    ) -> Choice:
        """See `Allocator.allocate`."""
        problem = Problem.of(sensitivity, cost, budget, ties)
        relaxed = Lagrange().relax(problem)
        if problem.loss(relaxed.picks) <= relaxed.bound:
            return problem.choice(relaxed.picks, relaxed.bound)
        picks, bound = self._solve(_core(problem, relaxed))
        if picks is None or problem.loss(picks) > problem.loss(relaxed.picks):
            picks = relaxed.picks
        # What was left out of the core is worse than the relaxed choice.
        bound = max(relaxed.bound, min(bound, problem.loss(picks)))
        return problem.choice(picks, bound)

    def _solve(self, problem: Problem) -> tuple[Array | None, float]:
        """The picks, if any were found in time, and a lower bound of the sensitivity."""
        least = problem.sensitivity.min(axis=1)
        above = (problem.sensitivity - least[:, None])[problem.available]
        unit = _LARGE / (above.max() or 1.0)
        result = milp(
            above * unit,
            constraints=_constraints(problem),
            integrality=np.ones(len(above)),
            bounds=Bounds(0, 1),
            options={"mip_rel_gap": self.gap, "time_limit": self.time_limit_s},
        )
        proven = -np.inf if result.mip_dual_bound is None else result.mip_dual_bound / unit
        bound = float(least.sum() + proven)
        if result.x is None:
            return None, bound
        # The solver's own tolerance can exceed the budget by a millionth.
        return fill(problem, shrink(problem, picked(problem, result.x))), bound


def _constraints(problem: Problem) -> list[LinearConstraint]:
    """One option per group; loads above each group's least, in parts of what the limit leaves."""
    groups, loads = one_each(problem)
    least = np.where(problem.available[..., None], problem.load, np.inf).min(axis=1)
    room = problem.limit - least.sum(axis=0)
    part = np.where(room > 0, room, 1.0)[:, None] / _LARGE
    above = (loads - groups.T.dot(least).T) / part
    return [
        LinearConstraint(groups, 1, 1),
        LinearConstraint(above, -np.inf, np.maximum(room, 0) / part[:, 0]),
    ]


def _core(problem: Problem, relaxed: Relaxed) -> Problem:
    """The problem without the options that no better choice than the relaxed one can have.

    At the relaxed prices an option of reduced cost r lifts the bound by r (Pisinger's core of a
    multiple-choice knapsack, 1995); above the known choice, it is out.
    """
    score = problem.sensitivity + problem.load @ relaxed.price
    reduced = score - score.min(axis=1, keepdims=True)
    gap = problem.loss(relaxed.picks) - relaxed.bound
    chosen = np.arange(score.shape[1]) == relaxed.picks[:, None]
    keep = chosen | (reduced <= gap * (1 + 1e-9) + 1e-12 * abs(relaxed.bound))
    return replace(problem, sensitivity=np.where(keep, problem.sensitivity, np.inf))
