"""Medians, trends and paired tests that assume no distribution. All are exact for small n."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["MIN_VALUES", "Trend", "median_interval", "sign_test", "trend"]

MIN_VALUES = 6  # the fewest whose range covers the median with 95%: 1 - 2 * 0.5**6 = 97%


def median_interval(
    values: Sequence[float], confidence: float = 0.95
) -> tuple[float, float, float]:
    """(Median, low, high): the interval between two of the sorted values, exact by the binomial.

    Coverage is at least `confidence` for any continuous distribution. NaN below six values.
    Source: Hahn & Meeker 1991, Statistical Intervals, section 5.2.
    """
    ordered, n = sorted(values), len(values)
    rank = _rank(n, (1 - confidence) / 2)
    if rank == 0:
        return math.nan, math.nan, math.nan
    return float(np.median(ordered)), ordered[rank - 1], ordered[n - rank]


def _rank(n: int, tail: float) -> int:
    """The largest r with P(Binomial(n, 1/2) < r) <= tail; 0 when there is none."""
    below, r = 0.5**n, 0
    while below <= tail and r < n:
        r += 1
        below += math.comb(n, r) * 0.5**n
    return r


def sign_test(differences: Sequence[float]) -> float:
    """Two-sided p that the median difference is 0; zeros are dropped.

    Source: Conover 1999, Practical Nonparametric Statistics, section 3.4.
    """
    plus, minus = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    n, few = plus + minus, min(plus, minus)
    return min(1.0, 2 * sum(math.comb(n, k) for k in range(few + 1)) * 0.5**n)


@dataclass(frozen=True, slots=True)
class Trend:
    """relative: change from the first to the last value, over the median (0.05 is 5% up).
    p_value: of no trend."""

    relative: float
    p_value: float


def trend(values: Sequence[float]) -> Trend:
    """Is there a monotonic trend? Mann-Kendall's test, with the Theil-Sen slope for its size.

    Sources: Mann 1945, Econometrica 13; Kendall 1975, Rank Correlation Methods (normal
    approximation with continuity correction); Sen 1968, JASA 63.
    """
    n = len(values)
    if n < 4:
        return Trend(0.0, 1.0)
    y = np.asarray(values, float)
    i, j = np.triu_indices(n, 1)
    score = float(np.sign(y[j] - y[i]).sum())
    slope = float(np.median((y[j] - y[i]) / (j - i)))
    deviation = math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    z = max(0.0, abs(score) - 1) / deviation
    middle = float(np.median(y))
    return Trend(slope * (n - 1) / middle if middle else 0.0, math.erfc(z / math.sqrt(2)))
