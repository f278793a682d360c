"""90% intervals from the residuals of groups that were left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from picojoule.calibrate.measured_set import Floats

__all__ = ["LEVEL", "band"]

LEVEL = 0.90


def band(residuals: Floats, groups: Sequence[str], level: float = LEVEL) -> tuple[float, float]:
    """Lower and upper log factor of an interval that a new group's rows should fall into.

    residuals: log(measured / predicted) of rows predicted while their group was left out.
    Every group weighs the same, as the next group is one draw among groups, and the level is
    raised as in conformal prediction by (groups + 1) / groups (Dunn, Wasserman & Ramdas,
    arXiv 1809.07441, on two-layer exchangeability: pooling by group).
    """
    names, index, size = np.unique(list(groups), return_inverse=True, return_counts=True)
    if residuals.size == 0 or not np.isfinite(residuals).all():
        raise ValueError("band needs finite residuals")
    raised = min(1.0, level * (len(names) + 1) / len(names))
    weight = 1.0 / size[index]
    tail = (1.0 - raised) / 2.0
    return _quantile(residuals, weight, tail), _quantile(residuals, weight, 1.0 - tail)


def _quantile(values: Floats, weight: Floats, share: float) -> float:
    order = np.argsort(values)
    total = np.cumsum(weight[order])
    middle = (total - 0.5 * weight[order]) / total[-1]
    return float(np.interp(share, middle, values[order]))
