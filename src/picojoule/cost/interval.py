"""A positive number with its bounds and evidence, and the arithmetic that estimators need."""

from __future__ import annotations

from typing import NamedTuple

from picojoule.chips.chip import Chip, Constant
from picojoule.quantity import Evidence, weakest

__all__ = ["NOTHING", "Interval", "static_w"]


class Interval(NamedTuple):
    """value, low, high >= 0 in any unit."""

    value: float
    low: float
    high: float
    evidence: Evidence

    @classmethod
    def of(cls, constant: Constant, scale: float = 1.0) -> Interval:
        """`scale` times a constant."""
        c = constant
        return cls(scale * c.value, scale * c.low, scale * c.high, c.evidence)

    @classmethod
    def quotient(cls, amount: float, *rates: Constant) -> Interval:
        """`amount` over the product of `rates`: the highest rates give the low end."""
        value = low = high = amount
        for r in rates:
            value, low, high = value / r.value, low / r.high, high / r.low
        return cls(value, low, high, weakest(*(r.evidence for r in rates)))

    def plus(self, other: Interval) -> Interval:
        """Sum, low with low and high with high."""
        value, low, high, evidence = other
        evidence = weakest(self.evidence, evidence)
        return Interval(self.value + value, self.low + low, self.high + high, evidence)

    def times(self, other: Interval) -> Interval:
        """Product of two positive numbers."""
        value, low, high, evidence = other
        evidence = weakest(self.evidence, evidence)
        return Interval(self.value * value, self.low * low, self.high * high, evidence)


def static_w(chip: Chip) -> Interval:
    """Watts of a chip at work that don't depend on what it does: idle, and running clocks."""
    idle = Interval.of(chip.idle_w)
    return idle if chip.clocked_w is None else idle.plus(Interval.of(chip.clocked_w))


NOTHING = Interval(0.0, 0.0, 0.0, Evidence.MEASURED)
