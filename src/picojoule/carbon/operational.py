"""What using electricity costs: by location, by contract, and the water of the site."""

from __future__ import annotations

from dataclasses import dataclass, replace

from picojoule.carbon.amounts import exact, known, plus, times, unavailable
from picojoule.carbon.factor import UNITS, Factor
from picojoule.carbon.line import INDICATORS, Line
from picojoule.carbon.tables import Factors
from picojoule.errors import InputError
from picojoule.quantity import Quantity

__all__ = [
    "LOCATION",
    "MARKET",
    "Contract",
    "by_contract",
    "by_location",
    "contract_of",
    "site_water",
    "with_intensity",
]

LOCATION = "electricity"
MARKET = "electricity, by contract"


@dataclass(frozen=True, slots=True)
class Contract:
    """Electricity bought from named plants: its intensity (g/kWh), the share of use that it
    covers, and the factor that the intensity comes from."""

    title: str
    intensity: Quantity
    share: float = 1.0
    factor: Factor | None = None


def contract_of(text: str, share: float, factors: Factors) -> Contract:
    """A contract on a technology ("wind") or a stated intensity in g/kWh ("20")."""
    if not 0 < share <= 1:
        raise InputError("not a share of the electricity", got=f"{share:g}", expected="0 to 1")
    try:
        stated = float(text)
    except ValueError:
        found = factors.find("generation", text)
        return Contract(found.title, found.quantity, share, found)
    if not 0 <= stated < float("inf"):
        raise InputError("an intensity can't be negative", got=text, expected="g/kWh")
    return Contract(f"{stated:g} g/kWh", exact(stated, UNITS["grid"]), share)


def by_location(energy: Quantity, region: str, factors: Factors) -> list[Line]:
    """Carbon, water, primary energy and abiotic depletion of `energy` (J at the meter of the
    building), with the mean of the region's plants. A factor that nobody published for the
    region leaves its line unavailable."""
    return [
        _line(i.name, i.unit, i.per_joule, energy, factors.of(i.grid, region), region, i.grid)
        for i in INDICATORS
    ]


def _line(
    indicator: str, unit: str, scale: float, energy: Quantity, factor: Factor | None, region: str,
    kind: str,
) -> Line:  # fmt: skip
    if factor is None:
        missing = f"no {kind} factor for {region}"
        return Line(indicator, LOCATION, "use", unavailable(unit), missing=missing)
    quantity = times(unit, scale, energy, factor.quantity)
    return Line(indicator, LOCATION, "use", quantity, f"facility energy x {kind}", factor=factor)


def with_intensity(line: Line, energy: Quantity, factor: Factor, coverage: float) -> Line:
    """The carbon line with an intensity of its own (hourly), for the covered share of energy."""
    quantity = times(line.quantity.unit, coverage / 3.6e6, energy, factor.quantity)
    how = f"facility energy x {factor.title}"
    return replace(line, quantity=quantity, how=how, factor=factor, coverage=coverage, missing="")


def by_contract(
    energy: Quantity, region: str, contract: Contract | None, factors: Factors, location: Line
) -> Line:
    """Market-based carbon (GHG Protocol Scope 2 Guidance, 2015, chapter 6): the contract's
    intensity for what it covers; for the rest the residual mix, or the grid's mean (`location`)
    where no residual mix is published."""
    if contract is None:
        missing = "no contract was stated"
        return Line("carbon", MARKET, "use", unavailable("g CO2e"), missing=missing)
    covered = times("g CO2e", contract.share / 3.6e6, energy, contract.intensity)
    rest, how = 1 - contract.share, f"{contract.share:.0%} {contract.title}"
    if rest == 0:
        return Line("carbon", MARKET, "use", covered, how, factor=contract.factor)
    residual, coverage = factors.of("residual", region), 1.0
    if residual is None:
        coverage = location.coverage
        others = times("g CO2e", rest, location.quantity)
        how += f", {rest:.0%} at the grid's mean: no residual mix is known"
    else:
        others = times("g CO2e", rest / 3.6e6, energy, residual.quantity)
        how += f", {rest:.0%} at the residual mix ({residual.vintage})"
    missing = "" if known(others) else location.missing
    return Line("carbon", MARKET, "use", plus("g CO2e", [covered, others]), how, missing,
                coverage, contract.factor)  # fmt: skip


def site_water(it_energy: Quantity, wue: Quantity | None) -> Line:
    """Litres evaporated on site: WUE counts each kWh of the IT equipment, so PUE is not in it
    (EcoLogits before 0.11 applied it twice)."""
    if wue is None:
        missing = "the site's water usage effectiveness was not stated"
        return Line("water", "site", "use", unavailable("L"), missing=missing)
    return Line("water", "site", "use", times("L", 1 / 3.6e6, it_energy, wue), "IT energy x WUE")
