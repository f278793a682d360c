"""Line: one row of a footprint, and the four things that are counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from picojoule.carbon.amounts import known, plus, unavailable
from picojoule.carbon.factor import Factor
from picojoule.quantity import Quantity

__all__ = ["INDICATORS", "Indicator", "Line", "Sum", "total"]


@dataclass(frozen=True, slots=True)
class Indicator:
    """What is counted, in `unit`: its factor for electricity and for hardware, and what turns
    those factors' units into `unit` per joule and per device."""

    name: str
    unit: str
    grid: str
    per_joule: float
    hardware: str | None
    per_device: float


INDICATORS = (
    Indicator("carbon", "g CO2e", "grid", 1 / 3.6e6, "hardware", 1e3),
    Indicator("water", "L", "grid_water", 1 / 3.6e6, None, 0),
    Indicator("primary_energy", "J", "grid_primary_energy", 1 / 3.6,
              "hardware_primary_energy", 1e6),
    Indicator("abiotic_depletion", "g Sb", "grid_abiotic_depletion", 1e3 / 3.6e6,
              "hardware_abiotic_depletion", 1e3),
)  # fmt: skip
"""Carbon dioxide equivalents; consumed water; primary energy; antimony equivalents."""


@dataclass(frozen=True, slots=True)
class Line:
    """One part of one indicator.

    stage: "use" or "making". how: the product that it is, in words. missing: why there is no
    number. coverage: share of the work that is in the number.
    """

    indicator: str
    part: str
    stage: str
    quantity: Quantity
    how: str = ""
    missing: str = ""
    coverage: float = 1.0
    factor: Factor | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        plain = ("indicator", "part", "stage", "how", "missing", "coverage")
        return {
            **{name: getattr(self, name) for name in plain},
            "quantity": self.quantity.to_dict(),
            "factor": None if self.factor is None else self.factor.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum of the known lines, to be read with its coverage and what is missing."""

    quantity: Quantity
    coverage: float
    missing: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "quantity": self.quantity.to_dict(),
            "coverage": self.coverage,
            "missing": list(self.missing),
        }


def total(unit: str, lines: Iterable[Line]) -> Sum:
    """Adds what is known, says what isn't; coverage is that of the least covered part."""
    lines = list(lines)
    parts = [line for line in lines if known(line.quantity)]
    quantity = plus(unit, (line.quantity for line in parts)) if parts else unavailable(unit)
    coverage = min((line.coverage for line in parts), default=0.0)
    return Sum(quantity, coverage, tuple(x.part for x in lines if not known(x.quantity)))
