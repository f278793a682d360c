"""Figures as altair charts. They are returned, never shown; colours come from the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from picojoule.extras import require
from picojoule.ledger import Ledger, Total
from picojoule.report.words import amount, interval, si_scale
from picojoule.tree import OWN, ranked

__all__ = [
    "COMPONENT_COLOURS",
    "SERIES",
    "Chart",
    "energy_by",
    "energy_by_layer",
    "tips",
    "values",
]

Chart = Any
"""An altair chart; altair is an optional dependency without types here."""

COMPONENT_COLOURS = {
    "mac": "#3b76e1",
    "vector": "#8b5cf6",
    "read": "#14a38b",
    "write": "#e0962f",
    "launch": "#dc5a8d",
    "static": "#8a97a8",
}
SERIES = ("#3b76e1", "#14a38b", "#e0962f", "#8b5cf6", "#dc5a8d", "#8a97a8", "#5aa9e6", "#7a9a3a")
_NEUTRAL = "#6f8fb8"
BAR_STEP = 19

# Module paths end with what distinguishes them, so a long label loses its start.
_TAIL = "length(datum.label) > 36 ? '…' + slice(datum.label, -35) : datum.label"


def energy_by_layer(ledger: Ledger, top: int = 30) -> Chart:
    """Horizontal bars of the modules with most energy, stacked by component, with intervals."""
    alt = require("altair", "report")
    rows = [r for r in ranked(ledger, "module")[:top] if r.total.energy.value > 0]
    scale, unit = si_scale(max((r.total.energy.high for r in rows), default=0.0), "J")
    groups = ledger.where(module=[r.path for r in rows]).group_by("module", "component")
    parts = [
        {"layer": module or OWN, "component": component, **_numbers(total, scale)}
        for (module, component), total in groups.items()
        if total.energy.value > 0
    ]
    ends = [{"layer": r.name, **_numbers(r.total, scale)} for r in rows]
    order = [r.name for r in rows]
    bars = _stack(alt, parts, order, unit)
    return alt.layer(bars, _whiskers(alt, ends, order)).properties(
        width="container", height=_height(len(order))
    )


def _stack(alt: Any, data: list[dict[str, Any]], order: list[str], unit: str) -> Chart:
    found = {d["component"] for d in data}
    present = [*(c for c in COMPONENT_COLOURS if c in found), *sorted(found - {*COMPONENT_COLOURS})]
    colours = [COMPONENT_COLOURS.get(c, _NEUTRAL) for c in present]
    ordered = [{**d, "rank": present.index(d["component"])} for d in data]
    return (
        alt.Chart(values(alt, ordered))
        .mark_bar(cornerRadius=1)
        .encode(
            y=_names(alt, "layer", order),
            x=alt.X("sum(energy):Q", title=f"energy ({unit})", axis=alt.Axis(tickCount=6)),
            color=alt.Color(
                "component:N", title=None, scale=alt.Scale(domain=present, range=colours)
            ),
            order=alt.Order("rank:Q"),
            tooltip=tips(alt, "layer", "component", "joules", "interval", "evidence"),
        )
    )


def _whiskers(alt: Any, data: Sequence[Mapping[str, Any]], order: list[str]) -> Chart:
    return (
        alt.Chart(values(alt, data))
        .mark_rule(strokeWidth=1.2, opacity=0.75)
        .encode(
            y=_names(alt, "layer", order),
            x=alt.X("low:Q"),
            x2="high:Q",
            tooltip=tips(alt, "layer", "joules", "interval", "evidence"),
        )
    )


def energy_by(ledger: Ledger, column: str) -> Chart:
    """Bars of one column's groups, most energy first, with intervals."""
    alt = require("altair", "report")
    rows = [r for r in ranked(ledger, column, 12) if r.total.energy.value > 0]
    scale, unit = si_scale(max((r.total.energy.high for r in rows), default=0.0), "J")
    data = [{column: r.name, **_numbers(r.total, scale)} for r in rows]
    order = [r.name for r in rows]
    colours = COMPONENT_COLOURS if column == "component" else {}
    filled = [colours.get(name, _NEUTRAL) for name in order]
    base = alt.Chart(values(alt, data)).encode(
        y=_names(alt, column, order),
        tooltip=tips(alt, column, "joules", "interval", "evidence"),
    )
    bars = base.mark_bar(cornerRadius=1).encode(
        x=alt.X("energy:Q", title=f"energy ({unit})", axis=alt.Axis(tickCount=4)),
        color=alt.Color(f"{column}:N", legend=None, scale=alt.Scale(domain=order, range=filled)),
    )
    rules = base.mark_rule(strokeWidth=1.2, opacity=0.75).encode(x="low:Q", x2="high:Q")
    return alt.layer(bars, rules).properties(width="container", height=_height(len(order), 26))


def values(alt: Any, data: Sequence[Mapping[str, Any]]) -> Any:
    """Inline data."""
    return alt.Data(values=[dict(d) for d in data])


def _names(alt: Any, field: str, order: list[str]) -> Any:
    axis = alt.Axis(labelLimit=280, labelExpr=_TAIL, ticks=False, domain=False, grid=False)
    return alt.Y(f"{field}:N", sort=order, title=None, axis=axis)


def tips(alt: Any, *fields: str) -> list[Any]:
    """A tooltip that lists fields by name."""
    return [alt.Tooltip(f"{f}:N", title=f) for f in fields]


def _numbers(total: Total, scale: float) -> dict[str, Any]:
    energy = total.energy
    return {
        "energy": energy.value / scale,
        "low": energy.low / scale,
        "high": energy.high / scale,
        "joules": amount(energy.value, "J"),
        "interval": interval(energy),
        "evidence": energy.evidence.word,
    }


def _height(bars: int, step: int = BAR_STEP) -> int:
    return max(60, bars * step)
