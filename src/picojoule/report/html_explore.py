"""One HTML file about an exploration: designs by energy and latency, and the front as a table."""

from __future__ import annotations

from typing import Any

from picojoule.extras import require
from picojoule.report.charts import Chart, tips, values
from picojoule.report.html import fill
from picojoule.report.text_explore import area_text, short_names, value_text
from picojoule.report.words import amount, interval, si_scale
from picojoule.search.explore import DesignFront, Point

__all__ = ["explore_page"]

_COLOURS = {"front": "#14a38b", "dominated": "#8a97a8", "over the limit": "#e0962f"}


def explore_page(front: DesignFront) -> str:
    """The report of an exploration. Raises MissingExtra without the extra `report`."""
    paths = list(front.points[0].values) if front.points else []
    return fill(
        "explore.html",
        {"designs": designs(front)},
        title=f"{front.chip} for {', '.join(front.workloads)}",
        found=front,
        names=short_names(paths),
        say={"value": value_text, "area": area_text, "interval": interval, "amount": amount},
    )


def designs(front: DesignFront) -> Chart | None:
    """All designs with a price: energy against latency, by area; None without any."""
    alt = require("altair", "report")
    order = [*reversed(_COLOURS)]  # the front on top
    points = sorted((p for p in front.points if p.status in order),
                    key=lambda p: order.index(p.status))  # fmt: skip
    if not points:
        return None
    joules, energy_unit = si_scale(max(p.cost.energy.value for p in points), "J")
    seconds, time_unit = si_scale(max(p.cost.latency.value for p in points), "s")
    data = [_row(p, joules, seconds) for p in points]
    shown = [s for s in _COLOURS if any(p.status == s for p in points)]
    colour = alt.Color(
        "status:N", title=None, legend=alt.Legend(orient="bottom"),
        scale=alt.Scale(domain=shown, range=[_COLOURS[s] for s in shown]),
    )  # fmt: skip
    log = alt.Scale(type="log", nice=False, padding=12)
    sized = {"size": alt.Size("area mm²:Q", scale=alt.Scale(range=[25, 400]),
                              legend=alt.Legend(orient="bottom"))}  # fmt: skip
    return (
        alt.Chart(values(alt, data))
        .mark_point(filled=True, opacity=0.75)
        .encode(
            x=alt.X("x:Q", title=f"latency ({time_unit})", scale=log),
            y=alt.Y("y:Q", title=f"energy ({energy_unit})", scale=log),
            color=colour,
            tooltip=tips(alt, "design", "energy", "interval", "latency", "area", "chip"),
            **(sized if any(d["area mm²"] for d in data) else {}),
        )
        .properties(width="container", height=400)
    )


def _row(point: Point, joules: float, seconds: float) -> dict[str, Any]:
    cost, names = point.cost, short_names(list(point.values))
    known = cost.area.value == cost.area.value  # NaN is not
    return {
        "x": cost.latency.value / seconds,
        "y": cost.energy.value / joules,
        "area mm²": cost.area.value if known else None,
        "status": point.status,
        "design": ", ".join(f"{names[p]} {value_text(v)}" for p, v in point.values.items()),
        "energy": amount(cost.energy.value, "J"),
        "interval": interval(cost.energy),
        "latency": amount(cost.latency.value, "s"),
        "area": area_text(cost.area),
        "chip": point.chip,
    }
