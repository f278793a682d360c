"""Accuracy with its sample count, and per-sample scores where there are any."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from picojoule.errors import SpecError

__all__ = ["Accuracy"]


@dataclass(frozen=True, eq=False)
class Accuracy:
    """Quality on `n` samples, higher is better: the mean of per-sample scores.

    scores: one number per sample (0/1 for right or wrong, or any score of a fixed scale), in the
    same order for every model, so that two models can be compared sample by sample. A tensor,
    array or list. Raises SpecError when a score is missing or not a number.
    """

    scores: npt.NDArray[np.float64]
    metric: str = "accuracy"

    def __init__(self, scores: Any, metric: str = "accuracy") -> None:
        values = np.asarray(scores, dtype=np.float64).ravel()
        if values.size == 0:
            raise SpecError("accuracy of no samples", fix="evaluate on at least two samples")
        if not np.isfinite(values).all():
            bad = np.flatnonzero(~np.isfinite(values))
            raise SpecError(
                "accuracy is not a number",
                got=f"{values[bad[0]]} at sample {bad[0]} ({bad.size} of {values.size} samples)",
                expected="finite scores",
                fix="check that evaluate() divides by the right count and that outputs are finite",
            )
        object.__setattr__(self, "scores", values)
        object.__setattr__(self, "metric", metric)

    @property
    def value(self) -> float:
        """Mean score."""
        return float(self.scores.mean())

    @property
    def n(self) -> int:
        """Number of samples."""
        return int(self.scores.size)

    @property
    def is_binary(self) -> bool:
        """Whether every score is 0 or 1."""
        return bool(np.isin(self.scores, (0.0, 1.0)).all())

    def interval(self, z: float = 1.96) -> tuple[float, float]:
        """Two-sided interval: Wilson's for 0/1 scores (Wilson 1927), the normal one otherwise."""
        p, n = self.value, self.n
        if not self.is_binary:
            half = z * float(self.scores.std(ddof=1)) / math.sqrt(n) if n > 1 else math.inf
            return p - half, p + half
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return centre - half, centre + half

    def __str__(self) -> str:
        low, high = self.interval()
        return f"{self.metric} {self.value:.4f} [{low:.4f} .. {high:.4f}], n={self.n}"
