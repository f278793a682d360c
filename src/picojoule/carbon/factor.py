"""Factor: what one unit of something costs the world, by every source that says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from picojoule.quantity import Evidence, Quantity

__all__ = ["UNITS", "Factor", "Source"]

UNITS = {
    "grid": "g/kWh",  # CO2e of electricity where it is used: the mean of a region's plants
    "residual": "g/kWh",  # what is left of a grid once contracted electricity is taken out
    "generation": "g/kWh",  # CO2e of one technology
    "grid_water": "L/kWh",  # consumed by power plants
    "grid_primary_energy": "MJ/kWh",
    "grid_abiotic_depletion": "kg/kWh",  # antimony equivalents
    "hardware": "kg",  # CO2e of making one device
    "hardware_primary_energy": "MJ",
    "hardware_abiotic_depletion": "kg",
    "pue": "",
    "wue": "L/kWh",
    "network": "kWh/GB",
}
"""The kinds of factor, each with the one unit that its tables are in."""


@dataclass(frozen=True, slots=True)
class Source:
    """One published value with its interval. vintage: the year it describes, or else of its
    publication."""

    value: float
    low: float
    high: float
    vintage: int
    text: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Factor:
    """A number of one `kind` for one `name` (a region, a device), from one or more sources."""

    kind: str
    name: str
    title: str
    sources: tuple[Source, ...]

    @property
    def quantity(self) -> Quantity:
        """The first source's value, in an interval that holds every source."""
        first = self.sources[0]
        low = min(s.low for s in self.sources)
        high = max(s.high for s in self.sources)
        return Quantity(first.value, low, high, UNITS[self.kind], first.evidence)

    @property
    def vintage(self) -> int:
        """The year of the value."""
        return self.sources[0].vintage

    def to_dict(self) -> dict[str, Any]:
        """JSON form, with every source."""
        return {
            "kind": self.kind,
            "name": self.name,
            "title": self.title,
            **self.quantity.to_dict(),
            "vintage": self.vintage,
            "sources": [
                {"value": s.value, "low": s.low, "high": s.high, "vintage": s.vintage,
                 "source": s.text, "evidence": s.evidence.word}
                for s in self.sources
            ],
        }  # fmt: skip
