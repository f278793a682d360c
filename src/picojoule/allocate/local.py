"""Local moves: give up the least sensitivity until the budget fits, then spend what is left.

A move gives one group another option. The best ratio goes first. Up to a 64th of the groups move
at a time, so that thousands of units take tens of steps; below 128 groups it is one by one.
"""

from __future__ import annotations

import numpy as np

from picojoule.allocate.feasible import cheapest
from picojoule.allocate.problem import Problem
from picojoule.ledger import Array

__all__ = ["fill", "shrink"]

_BATCH = 64
_TINY = 1e-12


def shrink(problem: Problem, picks: Array) -> Array:
    """Picks within the budget: moves of the least lost sensitivity per overrun that they end.

    Where moves get stuck, which several resources can cause, it starts from the cheapest choice.
    Raises InputError when several budgets can't be met together.
    """
    picks = picks.copy()
    while not problem.fits(picks):
        over = problem.used(picks) - problem.limit
        lost, added = _moves(problem, picks)
        relief = np.maximum(over, 0).sum() - np.maximum(over + added, 0).sum(axis=2)
        ratio = np.where(problem.available & (relief > _TINY), lost, np.inf)
        ratio = np.divide(ratio, relief, out=np.full_like(ratio, np.inf), where=relief > _TINY)
        groups, options = _best(ratio)
        if not len(groups):
            return fill(problem, cheapest(problem))
        # Together moves can overrun what each alone does not: stop where they relieve most.
        after = over + np.cumsum(added[groups, options], axis=0)
        stop = int(np.maximum(after, 0).sum(axis=1).argmin()) + 1
        picks[groups[:stop]] = options[:stop]
    return picks


def fill(problem: Problem, picks: Array) -> Array:
    """Picks that use what is left: moves of the most saved sensitivity per load, while they fit."""
    picks = picks.copy()
    while True:
        room = problem.limit - problem.used(picks)
        lost, added = _moves(problem, picks)
        fits = problem.available & (added <= room).all(axis=2) & (lost < 0)
        price = np.maximum(added, 0).sum(axis=2) + _TINY
        groups, options = _best(np.where(fits, lost, np.inf) / price)
        if not len(groups):
            return picks
        taken = np.cumsum(np.maximum(added[groups, options], 0), axis=0)
        within = int((taken <= room).all(axis=1).sum())
        picks[groups[: max(within, 1)]] = options[: max(within, 1)]


def _moves(problem: Problem, picks: Array) -> tuple[Array, Array]:
    """Sensitivity lost [group, option] and load added [group, option, resource] by each move."""
    here = np.arange(len(picks))
    lost = problem.sensitivity - problem.sensitivity[here, picks][:, None]
    return lost, problem.load - problem.load[here, picks][:, None, :]


def _best(ratio: Array) -> tuple[Array, Array]:
    """The groups of least ratio, best first, with the option of each."""
    option = ratio.argmin(axis=1)
    best = ratio[np.arange(len(ratio)), option]
    order = np.argsort(best, kind="stable")[: max(1, len(ratio) // _BATCH)]
    groups = order[np.isfinite(best[order])]
    return groups, option[groups]
