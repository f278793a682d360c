"""Figures of a footprint: where its energy and its carbon go."""

from __future__ import annotations

from typing import Any

from picojoule.carbon.amounts import known
from picojoule.carbon.footprint import Footprint
from picojoule.carbon.operational import MARKET
from picojoule.extras import require
from picojoule.quantity import Quantity
from picojoule.report.charts import SERIES, Chart, tips, values
from picojoule.report.words import amount, interval, si_scale

__all__ = ["carbon_parts", "energy_parts"]


def energy_parts(footprint: Footprint) -> Chart:
    """The IT equipment's joules, and what the building adds."""
    it, whole = footprint.work.energy, footprint.facility_energy
    ends = (whole.value - it.value, whole.low - it.low, whole.high - it.high)
    building = Quantity(*ends, "J", whole.evidence)
    return _bars({"IT equipment": it, "building": building}, "energy", "J")


def carbon_parts(footprint: Footprint) -> Chart | None:
    """Carbon by part, by location; None where no part is known."""
    parts = {
        f"{line.part} ({line.stage})": line.quantity
        for line in footprint.lines
        if line.indicator == "carbon" and line.part != MARKET and known(line.quantity)
    }
    return _bars(parts, "carbon", "g CO2e") if parts else None


def _bars(parts: dict[str, Quantity], what: str, unit: str) -> Chart:
    alt = require("altair", "report")
    mass_or_joules, _, of = unit.partition(" ")  # "g CO2e": the prefix is the gram's
    scale, prefixed = si_scale(max(q.high for q in parts.values()), mass_or_joules)
    title = f"{what} ({' '.join([prefixed, of]).strip()})"
    data = [{"part": name, **_numbers(q, scale)} for name, q in parts.items()]
    order = list(parts)
    base = alt.Chart(values(alt, data)).encode(
        y=alt.Y("part:N", sort=order, title=None, axis=alt.Axis(ticks=False, domain=False)),
        tooltip=tips(alt, "part", "amount", "interval", "evidence"),
    )
    bars = base.mark_bar(cornerRadius=1).encode(
        x=alt.X("value:Q", title=title, axis=alt.Axis(tickCount=5)),
        color=alt.Color("part:N", legend=None,
                        scale=alt.Scale(domain=order, range=list(SERIES[: len(order)]))),
    )  # fmt: skip
    rules = base.mark_rule(strokeWidth=1.2, opacity=0.75).encode(x="low:Q", x2="high:Q")
    return alt.layer(bars, rules).properties(width="container", height=max(60, 28 * len(order)))


def _numbers(quantity: Quantity, scale: float) -> dict[str, Any]:
    return {
        "value": quantity.value / scale,
        "low": quantity.low / scale,
        "high": quantity.high / scale,
        "amount": amount(quantity.value, quantity.unit),
        "interval": interval(quantity),
        "evidence": quantity.evidence.word,
    }
