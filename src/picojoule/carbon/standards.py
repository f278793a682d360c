"""Two standards' views of a footprint: Software Carbon Intensity, and the GHG Protocol's scopes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

from picojoule.carbon.amounts import times, unavailable
from picojoule.carbon.footprint import Footprint
from picojoule.carbon.line import Line, Sum, total
from picojoule.carbon.operational import LOCATION, MARKET
from picojoule.errors import InputError
from picojoule.quantity import Quantity

__all__ = ["Sci", "Scope", "Site", "ghg_table", "sci"]

Site = Literal["own", "cloud"]


@dataclass(frozen=True, slots=True)
class Sci:
    """SCI = ((E x I) + M) per R, ISO/IEC 21031:2024.

    energy: E, J at the meter of the building. intensity: I, g CO2e/kWh of the location.
    embodied: M, g CO2e. unit, amount: the functional unit R and how many of it the work is, or
    None. score: g CO2e per unit, None unless R is declared and every part is known; why: the
    reason.
    """

    energy: Quantity
    intensity: Quantity
    embodied: Sum
    unit: str | None
    amount: float | None
    score: Quantity | None
    why: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON form; score is null where the functional unit is not declared."""
        return {
            "energy": self.energy.to_dict(),
            "intensity": self.intensity.to_dict(),
            "embodied": self.embodied.to_dict(),
            "functional_unit": self.unit,
            "amount": self.amount,
            "score": None if self.score is None else self.score.to_dict(),
            "why": self.why,
        }


def sci(footprint: Footprint, unit: str | None = None, amount: float | None = None) -> Sci:
    """The score of `amount` functional units ("1000 tokens", "image").

    Offsets and contracts can't lower it: the standard takes the location's intensity. Raises
    InputError for an amount that is not above 0, or without its unit.
    """
    if (unit is None) != (amount is None):
        raise InputError("a functional unit needs its name and how many there were",
                         got=f"unit {unit!r}, amount {amount}")  # fmt: skip
    if amount is not None and not 0 < amount < math.inf:
        raise InputError("not an amount of functional units", got=f"{amount:g}", expected="above 0")
    operational = footprint.line("carbon", LOCATION)
    embodied = total("g CO2e", _stage(footprint, "making"))
    intensity = unavailable("g/kWh")
    if operational.factor is not None:
        intensity = operational.factor.quantity
    parts = total("g CO2e", [operational, *_stage(footprint, "making")])
    score, why = None, ""
    if amount is None:
        why = "no functional unit was declared"
    elif parts.missing:
        why = f"not known: {', '.join(parts.missing)}"
    elif parts.coverage < 1:
        why = f"only {parts.coverage:.1%} of the work is covered"
    else:
        score = times("g CO2e", 1 / amount, parts.quantity)
    return Sci(footprint.facility_energy, intensity, embodied, unit, amount, score, why)


@dataclass(frozen=True, slots=True)
class Scope:
    """A row of the GHG Protocol's table, in g CO2e."""

    scope: str
    category: str
    sum: Sum

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"scope": self.scope, "category": self.category, **self.sum.to_dict()}


def ghg_table(footprint: Footprint, site: Site = "own") -> list[Scope]:
    """Scopes 2 and 3 (GHG Protocol Corporate Standard; Scope 2 Guidance 2015).

    site: in machines of one's "own", electricity is scope 2 and hardware is a capital good; in a
    "cloud", all of it is a purchased service. The grid's factors are life-cycle ones, so scope 2
    holds what category 3 would: that row is unavailable, not 0.
    """
    electricity = footprint.line("carbon", LOCATION)
    contract = footprint.line("carbon", MARKET)
    hardware = _stage(footprint, "making")
    if site == "cloud":
        service = "1 purchased services"
        return [_scope("3", f"{service}, by location", [electricity, *hardware]),
                _scope("3", f"{service}, by contract", [contract, *hardware]),
                *_network(footprint)]  # fmt: skip
    upstream = replace(electricity, part="fuel and losses", quantity=unavailable("g CO2e"))
    return [
        _scope("2", "electricity, by location", [electricity]),
        _scope("2", "electricity, by contract", [contract]),
        _scope("3", "2 capital goods", hardware),
        _scope("3", "3 fuel and losses (within scope 2: life-cycle factors)", [upstream]),
        *_network(footprint),
    ]


def _network(footprint: Footprint) -> list[Scope]:
    lines = [x for x in footprint.lines if x.part == "network"]
    return [_scope("3", "9 network between site and users", lines)] if lines else []


def _scope(scope: str, category: str, lines: list[Line]) -> Scope:
    return Scope(scope, category, total("g CO2e", lines))


def _stage(footprint: Footprint, stage: str) -> list[Line]:
    return [x for x in footprint.lines if x.indicator == "carbon" and x.stage == stage]
