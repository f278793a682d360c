"""Sums and multiples of quantities that share their constants: their ends add as their values."""

from __future__ import annotations

import math
from collections.abc import Sequence

from picojoule.quantity import Evidence, Quantity, weakest

__all__ = ["times", "total", "unavailable"]


def total(parts: Sequence[Quantity], unit: str) -> Quantity:
    """The sum, with the weakest evidence of its parts."""
    value, low, high = (
        math.fsum(end) for end in ([q.value for q in parts], [q.low for q in parts],
                                   [q.high for q in parts])
    )  # fmt: skip
    return Quantity(value, low, high, unit, weakest(*(q.evidence for q in parts)))


def times(q: Quantity, n: float, unit: str | None = None) -> Quantity:
    """n times the quantity, in another unit if one is given."""
    return Quantity(q.value * n, q.low * n, q.high * n, unit or q.unit, q.evidence)


def unavailable(unit: str) -> Quantity:
    """A number that nobody knows."""
    return Quantity(math.nan, math.nan, math.nan, unit, Evidence.UNAVAILABLE)
