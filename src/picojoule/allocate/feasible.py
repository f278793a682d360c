"""Integer programs over a Problem, and the cheapest choice, by HiGHS."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from picojoule.allocate.problem import Problem
from picojoule.errors import InputError
from picojoule.ledger import Array

__all__ = ["cheapest", "one_each", "picked"]


def one_each(problem: Problem) -> tuple[Any, Any]:
    """Sparse rows over the available options: one option per group, and the load by resource."""
    group, option = np.nonzero(problem.available)
    ones = np.ones(len(group))
    shape = (len(problem.sensitivity), len(group))
    groups = sparse.csr_array((ones, (group, np.arange(len(group)))), shape=shape)
    return groups, problem.load[group, option].T


def picked(problem: Problem, x: Array) -> Array:
    """The option of each group with the largest variable."""
    weight = np.full(problem.sensitivity.shape, -1.0)
    weight[np.nonzero(problem.available)] = x
    picks: Array = weight.argmax(axis=1)
    return picks


def cheapest(problem: Problem) -> Array:
    """A pick per group whose fullest resource is least full.

    With one resource that is every group's cheapest option. With several, which can each be met
    alone and not together, it is an integer program: least t with load <= t × limit. Raises
    InputError with the smallest feasible budget of these proportions.
    """
    if len(problem.limit) == 1:
        picks: Array = problem.weight.argmin(axis=1)
        return picks
    groups, loads = one_each(problem)
    count = loads.shape[1]
    rows = np.hstack([loads, -problem.limit[:, None]])
    padded = sparse.hstack([groups, sparse.csr_array((groups.shape[0], 1))])
    result = milp(
        np.append(np.zeros(count), 1.0),
        constraints=[LinearConstraint(padded, 1, 1), LinearConstraint(rows, -np.inf, 0)],
        integrality=np.append(np.ones(count), 0),
        bounds=Bounds(0, np.append(np.ones(count), np.inf)),
    )
    best = None if result.x is None else picked(problem, result.x[:-1])
    if best is not None and problem.fits(best):
        return best
    needed = "more of a resource whose budget is 0"
    if best is not None:
        factor = (problem.used(best) / np.where(problem.limit > 0, problem.limit, 1.0)).max()
        needed = f"at least {[float(f'{b:.6g}') for b in factor * problem.limit * problem.scale]}"
    raise InputError(
        "the budgets can be met one by one and not together",
        got=[float(f"{b:.6g}") for b in problem.limit * problem.scale],
        expected=f"{needed} in these proportions",
    )
