"""The drop of accuracy between two models on the same samples, with a confidence bound."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from picojoule.errors import SpecError
from picojoule.verify.accuracy import Accuracy

__all__ = ["Verdict", "judge", "paired_bounds"]

_CONFIDENCE = 0.95  # one-sided


@dataclass(frozen=True, slots=True)
class Verdict:
    """Drop of accuracy (positive is worse) with one-sided 95% bounds on either side."""

    status: Literal["accepted", "rejected", "inconclusive"]
    drop: float
    low: float
    high: float
    reason: str


def judge(reference: Accuracy, candidate: Accuracy, max_drop: float) -> Verdict:
    """Accept only when the drop is at most `max_drop` with 95% confidence.

    rejected: the drop exceeds `max_drop` with the same confidence. inconclusive: neither, so more
    samples are needed. Raises SpecError when the two were not scored on the same samples.
    """
    if reference.n != candidate.n:
        raise SpecError(
            "evaluate() scored different samples for two models", got=candidate.n,
            expected=reference.n, fix="score every sample, in one order, for every model",
        )  # fmt: skip
    low, high = paired_bounds(reference, candidate)
    drop = reference.value - candidate.value
    bound = f"drop {drop:.2%}, 95% bound {high:.2%}, allowed {max_drop:.2%}, n={reference.n}"
    if high <= max_drop:
        return Verdict("accepted", drop, low, high, bound)
    if low > max_drop:
        return Verdict("rejected", drop, low, high, bound)
    return Verdict("inconclusive", drop, low, high, bound + "; too few samples to tell")


def paired_bounds(reference: Accuracy, candidate: Accuracy) -> tuple[float, float]:
    """One-sided 95% lower and upper bounds of the mean paired difference."""
    difference = reference.scores - candidate.scores
    if reference.is_binary and candidate.is_binary:
        lost, won = int((difference > 0).sum()), int((difference < 0).sum())
        return _tango(lost, won, reference.n)
    return _student(difference)


def _student(difference: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, float]:
    from scipy.stats import t

    n = difference.size
    if n < 2:
        return -math.inf, math.inf
    half = float(t.ppf(_CONFIDENCE, n - 1)) * float(difference.std(ddof=1)) / math.sqrt(n)
    return float(difference.mean()) - half, float(difference.mean()) + half


def _tango(lost: int, won: int, n: int) -> tuple[float, float]:
    """Score bounds of a paired difference of proportions (Tango, Stat. Med. 17, 1998).

    Unlike the Wald interval it is not zero wide when no sample changed sides.
    """
    from scipy.stats import norm

    z = float(norm.ppf(_CONFIDENCE))

    def statistic(delta: float) -> float:
        b = -lost - won + (2 * n - lost + won) * delta
        c = -won * delta * (1 - delta)
        q = (math.sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
        variance = n * (2 * q + delta * (1 - delta))
        gap = lost - won - n * delta
        return gap / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, gap or 1)

    observed = (lost - won) / n
    upper = _root(lambda d: statistic(d) + z, observed, 1.0)
    lower = _root(lambda d: statistic(d) - z, -1.0, observed)
    return lower, upper


def _root(f: Callable[[float], float], low: float, high: float) -> float:
    """Bisection of a decreasing function; the end where f does not change sign."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if f(middle) > 0 else (low, middle)
    return (low + high) / 2
