"""How sparse at which step: functions of progress from 0 (begin) to 1 (end)."""

from __future__ import annotations

from picojoule.errors import InputError

__all__ = ["at_once", "cubic", "linear"]


def cubic(progress: float, final: float, initial: float = 0.0) -> float:
    """s_f + (s_i − s_f)(1 − t)³: fast while there is much to spare (Zhu & Gupta, 1710.01878)."""
    _check(progress, final, initial)
    return final + (initial - final) * (1.0 - min(1.0, progress)) ** 3


def linear(progress: float, final: float, initial: float = 0.0) -> float:
    """From `initial` to `final` at a constant rate."""
    _check(progress, final, initial)
    return initial + (final - initial) * min(1.0, progress)


def at_once(progress: float, final: float, initial: float = 0.0) -> float:
    """`final` from the first step on."""
    _check(progress, final, initial)
    return final


def _check(progress: float, *sparsities: float) -> None:
    if progress < 0 or not all(0.0 <= s <= 1.0 for s in sparsities):
        raise InputError(
            "schedule out of range", got=(progress, *sparsities),
            expected="progress from 0, sparsity from 0 to 1",
        )  # fmt: skip
