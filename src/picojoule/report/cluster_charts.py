"""Charts of a serving row: power against the budget, racks, latencies, energy."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np

from picojoule.cluster.control import Brake
from picojoule.cluster.latency import Histogram
from picojoule.cluster.result import PHASES, Result
from picojoule.extras import require
from picojoule.ledger import Array
from picojoule.report.charts import Chart, tips, values
from picojoule.report.words import amount, si_scale

__all__ = ["energy_chart", "latency_chart", "power_chart", "racks_chart"]

_POINTS = 500
_EVENTS = 400
_ORDER_COLOURS = {"brake": "#d9534f", "clock or cap": "#e0962f", "free again": "#14a38b"}
_PRIORITY_COLOURS = {"high": "#3b76e1", "low": "#8a97a8"}


def power_chart(result: Result) -> Chart:
    """The row's power, the budget, and when orders act. A band spans the seconds of a point."""
    alt = require("altair", "report")
    budget_w = result.cluster.budget_w
    scale, unit = si_scale(max(result.power.peak_w, budget_w), "W")
    unit_s, label = _clock(result.duration_s)
    data = _thinned(result.power.row_w, unit_s, scale)
    x = alt.X("t:Q", title=label, scale=alt.Scale(nice=False), axis=alt.Axis(tickCount=8))
    base = alt.Chart(values(alt, data)).encode(x=x)
    y = alt.Scale(zero=False)
    band = base.mark_area(opacity=0.28, color="#3b76e1").encode(
        y=alt.Y("low:Q", title=f"power of the row ({unit})", scale=y), y2="high:Q"
    )
    line = base.mark_line(strokeWidth=1.2, color="#3b76e1").encode(y="mean:Q")
    limit = alt.Chart(values(alt, [{"y": budget_w / scale, "text": "budget"}])).encode(y="y:Q")
    layers = [band, line, limit.mark_rule(color="#d9534f", strokeDash=[5, 4])]
    layers.append(limit.mark_text(align="left", dx=4, dy=9, color="#d9534f").encode(
        x=alt.value(0), text="text:N"))  # fmt: skip
    ticks = _orders(result, unit_s)
    if ticks:
        layers.append(_ticks(alt, ticks, x))
    return alt.layer(*layers).properties(width="container", height=280)


def _ticks(alt: Any, data: list[dict[str, Any]], x: Any) -> Chart:
    shown = [k for k in _ORDER_COLOURS if any(d["kind"] == k for d in data)]
    colours = alt.Scale(domain=shown, range=[_ORDER_COLOURS[k] for k in shown])
    return (
        alt.Chart(values(alt, data))
        .mark_tick(thickness=1.5, height=12)
        .encode(
            x=x, y=alt.value(274), color=alt.Color("kind:N", title=None, scale=colours),
            tooltip=tips(alt, "order", "group", "asked", "acts"),
        )
    )  # fmt: skip


def _orders(result: Result, unit_s: float) -> list[dict[str, Any]]:
    """Orders as they act; of very many, evenly spread ones and every brake."""
    events = result.events
    step = max(1, len(events) // _EVENTS)
    kept = [e for i, e in enumerate(events) if i % step == 0 or e.order == Brake(True)]
    return [
        {
            "t": e.acts_s / unit_s, "kind": _kind(e.text), "order": e.text, "group": e.group,
            "asked": f"{e.issued_s} s", "acts": f"{e.acts_s} s",
        }
        for e in kept[: 4 * _EVENTS]
    ]  # fmt: skip


def _kind(text: str) -> str:
    if text == "brake":
        return "brake"
    return "free again" if text in ("free", "release") else "clock or cap"


def _clock(seconds: int) -> tuple[float, str]:
    if seconds > 3 * 86_400:
        return 86_400.0, "days"
    return (3600.0, "hours") if seconds > 2 * 3600 else (60.0, "minutes")


def _thinned(row_w: Array, unit_s: float, scale: float) -> list[dict[str, float]]:
    edges = np.unique(np.linspace(0, len(row_w), _POINTS + 1).astype(int))
    parts = [row_w[a:b] for a, b in pairwise(edges.tolist())]
    return [
        {
            "t": float(start / unit_s), "low": float(p.min() / scale),
            "high": float(p.max() / scale), "mean": float(p.mean() / scale),
        }
        for start, p in zip(edges[:-1], parts, strict=True)
    ]  # fmt: skip


def racks_chart(result: Result) -> Chart | None:
    """Mean power of each rack over time; None for a single rack."""
    power = result.power.rack_mean_w
    if len(power) < 2:
        return None
    alt = require("altair", "report")
    scale, unit = si_scale(float(power.max()), "W")
    unit_s, label = _clock(result.duration_s)
    step = max(1, power.shape[1] // 120)
    data = [
        {"t": m * 60 / unit_s, "end": min(m + step, power.shape[1]) * 60 / unit_s,
         "rack": str(r + 1), "watts": float(power[r, m : m + step].mean() / scale)}
        for r in range(len(power)) for m in range(0, power.shape[1], step)
    ]  # fmt: skip
    order = [str(r + 1) for r in range(len(power))]
    return (
        alt.Chart(values(alt, data))
        .mark_rect()
        .encode(
            x=alt.X("t:Q", title=label, scale=alt.Scale(nice=False)), x2="end:Q",
            y=alt.Y("rack:N", sort=order, title="rack"),
            color=alt.Color("watts:Q", title=unit, scale=alt.Scale(scheme="blues", zero=False),
                            legend=alt.Legend(orient="right", gradientLength=120)),
            tooltip=tips(alt, "rack", "watts"),
        )
        .properties(width="container", height=max(90, 16 * len(power)))
    )  # fmt: skip


def latency_chart(result: Result, metric: str) -> Chart | None:
    """Share of requests below each latency, by priority; None without any request."""
    alt = require("altair", "report")
    histograms = {n: result.latencies.of[metric, p] for n, p in (("high", 1), ("low", 0))}
    data = [d for n, h in histograms.items() for d in _curve(h, n)]
    if not data:
        return None
    shown = [n for n, h in histograms.items() if h.n]
    colours = alt.Scale(domain=shown, range=[_PRIORITY_COLOURS[n] for n in shown])
    return (
        alt.Chart(values(alt, data))
        .mark_line(strokeWidth=1.6)
        .encode(
            x=alt.X("seconds:Q", title="seconds", scale=alt.Scale(type="log", nice=False),
                    axis=alt.Axis(tickCount=5, format="~g")),
            y=alt.Y("share:Q", title="requests below", axis=alt.Axis(format=".0%", tickCount=5)),
            color=alt.Color("priority:N", title=None, scale=colours),
            tooltip=tips(alt, "priority", "latency", "quantile"),
        )
        .properties(width="container", height=190)
    )  # fmt: skip


_SHARES = (0.001, *np.linspace(0.01, 0.99, 99).tolist(), 0.995, 0.999)


def _curve(histogram: Histogram, name: str) -> list[dict[str, Any]]:
    if not histogram.n:
        return []
    points = [(q, histogram.quantile(q)) for q in _SHARES]
    return [
        {"priority": name, "share": q, "seconds": s, "latency": amount(s, "s"),
         "quantile": f"p{100 * q:g}"}
        for q, s in points if math.isfinite(s) and s > 0
    ]  # fmt: skip


def energy_chart(result: Result) -> Chart:
    """Joules by phase: what idle servers draw, and what work adds."""
    alt = require("altair", "report")
    scale, unit = si_scale(max(result.energy.by_phase.values()), "J")
    parts = {"idle draw": result.energy.static_j, "work": result.energy.dynamic_j}
    data = [
        {"phase": phase, "part": part, "energy": joules[phase] / scale,
         "joules": amount(joules[phase], "J")}
        for part, joules in parts.items() for phase in PHASES
    ]  # fmt: skip
    colours = alt.Scale(domain=list(parts), range=["#8a97a8", "#3b76e1"])
    axis = alt.Axis(ticks=False, domain=False, grid=False)
    return (
        alt.Chart(values(alt, data))
        .mark_bar(cornerRadius=1)
        .encode(
            y=alt.Y("phase:N", sort=list(PHASES), title=None, axis=axis),
            x=alt.X("sum(energy):Q", title=f"energy ({unit})", axis=alt.Axis(tickCount=6)),
            color=alt.Color("part:N", title=None, scale=colours),
            tooltip=tips(alt, "phase", "part", "joules"),
        )
        .properties(width="container", height=100)
    )  # fmt: skip
