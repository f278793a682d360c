"""`pj.footprint`: what a number of joules costs the world, with every source on the table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from picojoule.carbon.amounts import exact, known, times, unavailable
from picojoule.carbon.embodied import made
from picojoule.carbon.factor import UNITS, Factor
from picojoule.carbon.hourly import Hourly
from picojoule.carbon.line import INDICATORS, Line, Sum, total
from picojoule.carbon.operational import (
    MARKET,
    Contract,
    by_contract,
    by_location,
    site_water,
    with_intensity,
)
from picojoule.carbon.tables import Factors, load_factors
from picojoule.carbon.work import Work, work_of
from picojoule.errors import InputError
from picojoule.quantity import Quantity

__all__ = ["LIFETIME_S", "Footprint", "footprint"]

LIFETIME_S = 4 * 365 * 86400.0
"""Four years, as in arXiv 2501.14334; EcoLogits takes three, GreenSKU six."""


@dataclass(frozen=True)
class Footprint:
    """Lines by indicator and part, and what they were made from.

    work: joules and seconds of the IT equipment. pue: what the building adds. facility_energy:
    their product, in J. lines: every part, known or not. building: factors of PUE, WUE.
    """

    work: Work
    region: Factor
    pue: Quantity
    facility_energy: Quantity
    lines: tuple[Line, ...]
    building: tuple[Factor, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def factors(self) -> tuple[Factor, ...]:
        """Every published factor that is in a number."""
        used = [*self.building, *(x.factor for x in self.lines if x.factor is not None)]
        return tuple({(f.kind, f.name): f for f in used}.values())

    def line(self, indicator: str, part: str) -> Line:
        """One line. Raises KeyError."""
        for line in self.lines:
            if (line.indicator, line.part) == (indicator, part):
                return line
        raise KeyError((indicator, part))

    def total(self, indicator: str = "carbon", basis: str = "location") -> Sum:
        """The sum of an indicator's known lines. basis: "location", or "market" to count carbon
        by the contract."""
        unit = next(i.unit for i in INDICATORS if i.name == indicator)
        left_out = "electricity" if basis == "market" and indicator == "carbon" else MARKET
        return total(
            unit, [x for x in self.lines if x.indicator == indicator and x.part != left_out]
        )

    def __str__(self) -> str:
        carbon = self.total()
        missing = f", without {', '.join(carbon.missing)}" if carbon.missing else ""
        return f"{carbon.quantity} in {self.region.title}{missing}"

    def to_dict(self) -> dict[str, Any]:
        """The body of `picojoule/footprint/1`."""
        return {
            "work": {"title": self.work.title, "energy": self.work.energy.to_dict(),
                     "time": self.work.time.to_dict(), "coverage": self.work.coverage,
                     "missing": list(self.work.missing)},
            "region": self.region.name,
            "pue": self.pue.to_dict(),
            "facility_energy": self.facility_energy.to_dict(),
            "lines": [line.to_dict() for line in self.lines],
            "building": [factor.to_dict() for factor in self.building],
            "totals": {i.name: self.total(i.name).to_dict() for i in INDICATORS},
            "carbon_by_contract": self.total("carbon", "market").to_dict(),
            "notes": list(self.notes),
        }  # fmt: skip


def footprint(
    what: Any,
    grid: str = "WOR",
    *,
    pue: float | str | None = None,
    wue: float | str | None = None,
    contract: Contract | None = None,
    hourly: Hourly | None = None,
    device: str | None = None,
    devices: float = 1,
    time_s: float | None = None,
    lifetime_s: float = LIFETIME_S,
    utilisation: float = 1.0,
    runs: float = 1,
    data_gb: float | None = None,
    factors: Factors | Path | None = None,
) -> Footprint:
    """The footprint of `what`: a Ledger, a measurement, a document of `pj profile|measure|run
    --json`, or joules.

    grid: region, by ISO code or name. pue, wue (L/kWh of IT energy): numbers, or a provider of
    the tables; without a PUE, an assumed range. contract: bought electricity, for the
    market-based number. hourly: intensities in place of the region's yearly mean. device,
    devices: the hardware, by default the ledger's chip. time_s: how long one run used it, by
    default what `what` says. utilisation: share of its life that it works. runs: how often the
    work is done. data_gb: sent to users. factors: other tables, or a file that overrides some.

    Intervals span the sources. What nobody published stays unavailable, and never counts as 0.
    Raises InputError for an unknown region, provider or device (with the nearest), and for
    amounts that are not possible.
    """
    tables = factors if isinstance(factors, Factors) else load_factors(factors)
    region = tables.find("grid", grid)
    work = _work(what, time_s, runs)
    overhead, building = _rate("pue", "unstated" if pue is None else pue, 1.0, tables)
    energy = times("J", 1.0, work.energy, overhead)
    site = None
    if wue is not None:
        site, provider = _rate("wue", wue, 0.0, tables)
        building += provider
    used = by_location(energy, region.name, tables)
    if hourly is not None:
        used[0] = with_intensity(used[0], energy, hourly.factor, hourly.coverage)
    used.insert(1, by_contract(energy, region.name, contract, tables, used[0]))
    used.append(site_water(work.energy, site))
    if data_gb is not None:
        used.append(_network(data_gb, region, tables))
    used = [replace(line, coverage=line.coverage * work.coverage) for line in used]
    name = _device(device, work.chip, tables)
    making = made(name, devices, work.time, lifetime_s, utilisation, tables)
    notes = tuple(_notes(work, region, pue, making, utilisation))
    return Footprint(work, region, overhead, energy, (*used, *making), building, notes)


def _work(what: Any, time_s: float | None, runs: float) -> Work:
    if not 0 < runs < math.inf:
        raise InputError("not a number of runs", got=f"{runs:g}", expected="above 0")
    work = work_of(what)
    if time_s is not None:
        if not 0 < time_s < math.inf:
            raise InputError("not a time in use", got=f"{time_s:g} s", expected="above 0")
        work = replace(work, time=exact(time_s, "s"))
    return work.repeated(runs)


def _rate(
    kind: str, given: float | str, lowest: float, tables: Factors
) -> tuple[Quantity, tuple[Factor, ...]]:
    """A stated number, or the factor of a provider."""
    if isinstance(given, str):
        factor = tables.find(kind, given)
        return factor.quantity, (factor,)
    if not lowest <= given < math.inf:
        raise InputError(f"not a {kind.upper()}", got=f"{given:g}", expected=f"{lowest:g} or more")
    return exact(given, UNITS[kind]), ()


def _device(stated: str | None, chip: str | None, tables: Factors) -> str | None:
    """A stated device must be known; a ledger's chip may be one that nobody has assessed."""
    return chip if stated is None else tables.find("hardware", stated).name


def _network(data_gb: float, region: Factor, tables: Factors) -> Line:
    """Carbon of sending data: its energy is used elsewhere, here at the same grid's intensity."""
    if not 0 <= data_gb < math.inf:
        raise InputError("not an amount of data", got=f"{data_gb:g} GB", expected="0 or more")
    factor = tables.of("network", "internet")
    if factor is None:
        return Line("carbon", "network", "use", unavailable("g CO2e"), missing="no network factor")
    quantity = times("g CO2e", data_gb, factor.quantity, region.quantity)
    return Line("carbon", "network", "use", quantity, f"{data_gb:g} GB x network x grid",
                factor=factor)  # fmt: skip


def _notes(
    work: Work, region: Factor, pue: object, making: Sequence[Line], utilisation: float
) -> Sequence[str]:
    notes = []
    if region.name == "WOR":
        notes.append("the mean of the world's grids: state the region, they differ 50-fold")
    if work.coverage < 1:
        notes.append(f"only {work.coverage:.1%} of the work has a known energy: the rest is not in")
    if pue is None:
        notes.append("no PUE was stated: a range from 1 to the industry's mean is assumed")
    if utilisation == 1 and any(known(x.quantity) for x in making):
        notes.append("idle time of the hardware is charged to nobody: state its utilisation")
    return notes
