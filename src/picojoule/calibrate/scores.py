"""How wrong predictions are: errors, bias and coverage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from picojoule.calibrate.measured_set import Floats

__all__ = ["Scores", "score"]


@dataclass(frozen=True, slots=True)
class Scores:
    """Over `rows` predictions: |predicted/measured − 1| as median, mean and 90th percentile.

    bias: median of predicted/measured − 1. coverage: share of measurements inside the 90%
    interval, NaN where there is none. answered: share of the rows with a prediction.
    """

    rows: int
    median: float
    mean: float
    p90: float
    bias: float
    coverage: float
    answered: float


def score(
    predicted_j: Floats,
    measured_j: Floats,
    low_j: Floats | None = None,
    high_j: Floats | None = None,
) -> Scores:
    """Score predictions against measurements; arrays of one length, in joules."""
    known = np.isfinite(predicted_j) & np.isfinite(measured_j)
    if not known.any():
        nothing = float("nan")
        return Scores(0, nothing, nothing, nothing, nothing, nothing, answered=0.0)
    ratio = predicted_j[known] / measured_j[known] - 1.0
    covered = float("nan")
    if low_j is not None and high_j is not None:
        inside = (low_j[known] <= measured_j[known]) & (measured_j[known] <= high_j[known])
        covered = float(inside.mean())
    error = np.abs(ratio)
    return Scores(
        rows=int(known.sum()),
        median=float(np.median(error)),
        mean=float(error.mean()),
        p90=float(np.quantile(error, 0.9)),
        bias=float(np.median(ratio)),
        coverage=covered,
        answered=float(known.sum() / max(1, np.isfinite(measured_j).sum())),
    )
