"""Measured: what the model loses when one unit changes and the others stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from picojoule.allocate.sensitivity.changes import Changes, each_change, finite
from picojoule.errors import InputError
from picojoule.ledger import Array

__all__ = ["measured_drop", "prune_curve"]


def measured_drop(
    score: Callable[[int, int], float | None], baseline: float, units: int, options: int
) -> Array:
    """baseline − score(unit, option): the score with that option for that unit alone.

    In the units of the score, such as accuracy; None where the unit lacks the option. Below the
    score's noise the differences are noise. Raises InputError, naming the unit and option, for a
    score that is not finite.
    """
    out = np.full((units, options), np.nan)
    for unit in range(units):
        for option in range(options):
            if (got := score(unit, option)) is not None:
                out[unit, option] = baseline - finite(got, f"unit {unit}, option {option}")
    return out


def prune_curve(
    drop: Callable[[int, float], float],
    weights: Sequence[Any],
    changes: Changes,
    sparsities: Sequence[float] = (0.25, 0.5, 0.75, 0.9),
) -> Array:
    """The drop that pruning to the same squared error causes, from each unit's pruning curve.

    CPTQuant's pruning metric (Nanda et al., 2024): accuracy against sparsity by layer. drop(unit,
    sparsity) is measured with the smallest weights of that unit alone set to 0. An option with
    squared error ‖ΔW‖² is read off the curve where the pruned weights have that energy, linear
    between the points; beyond the last, where all weights are 0, at drop(unit, 1). Raises
    InputError for sparsities that don't rise within (0, 1) or a drop that is not finite.
    """
    inner = [0.0, *sparsities, 1.0]
    if any(b <= a for a, b in pairwise(inner)):
        raise InputError("sparsities don't rise within (0, 1)", got=tuple(sparsities))
    levels = inner[1:]
    drops = [
        [0.0, *(finite(drop(u, s), f"unit {u}, sparsity {s:g}") for s in levels)]
        for u in range(len(weights))
    ]
    energies = [_pruned_energy(w, inner) for w in weights]

    def read(unit: int, change: Any) -> float:
        return float(np.interp(float((change.double() ** 2).sum()), energies[unit], drops[unit]))

    return each_change(weights, changes, read)


def _pruned_energy(weight: Any, sparsities: Sequence[float]) -> Array:
    """Sum of squares of the smallest share of the weights, for each share."""
    squares = np.sort(np.square(weight.detach().cpu().double().numpy()), axis=None)
    total = np.concatenate([[0.0], np.cumsum(squares)])
    energies: Array = total[np.rint(np.asarray(sparsities) * len(squares)).astype(int)]
    return energies
