"""The Pareto figure of a search: energy against accuracy, with both intervals."""

from __future__ import annotations

from typing import Any

from picojoule.extras import require
from picojoule.report.charts import Chart, tips, values
from picojoule.report.documents import Candidate, OptimizeDocument, Span
from picojoule.report.front_words import drop_text, energy_interval, energy_text, plus_minus
from picojoule.report.relative import energy_span
from picojoule.report.words import percent, si_scale

__all__ = ["STATUS_COLOURS", "pareto"]

STATUS_COLOURS = {
    "front": "#14a38b",
    "dominated": "#8a97a8",
    "verified": "#3b76e1",
    "modelled": "#8f6fd1",
    "rejected": "#d9534f",
    "inconclusive": "#e0962f",
    "infeasible": "#b58bb0",
    "skipped": "#c3c9d1",
}
_SHAPES = ["circle", "square", "square", "triangle-right", "cross", "triangle-up", "diamond",
           "triangle-down"]  # fmt: skip
_TIPS = ("candidate", "recipe", "runtime", "runs in", "status", "energy", "interval", "time",
         "accuracy", "drop (pt)", "reason")  # fmt: skip


def pareto(document: OptimizeDocument) -> Chart | None:
    """Candidates with an energy and accuracy, predicted for the modelled; None without any.

    The dashed line is the lowest accuracy that the bound allows.
    """
    alt = require("altair", "report")
    spans = [s for c in document.candidates if (s := _energy(c))]
    scale, unit = si_scale(max((s.high for s in spans), default=0.0), "J")
    data = [p for c in document.candidates if (p := _point(c, document, scale))]
    if not data:
        return None
    layers = [
        *_floor(alt, document),
        _line(alt, _staircase(data)),
        *_intervals(alt, data),
        _points(alt, data, f"energy per call ({unit})"),
        _labels(alt, [d for d in data if d["label"]]),
    ]
    return alt.layer(*layers).properties(width="container", height=400)


def _point(c: Candidate, document: OptimizeDocument, scale: float) -> dict[str, Any] | None:
    energy = _energy(c)
    if energy is None or c.accuracy is None:
        return None
    roles = {"chosen": document.chosen, "best fp32": document.baseline, "eager": document.reference}
    return {
        "x": energy.value / scale,
        "x_low": energy.low / scale,
        "x_high": energy.high / scale,
        "y": c.accuracy.value,
        "y_low": c.accuracy.low,
        "y_high": c.accuracy.high,
        "label": ", ".join(role for role, name in roles.items() if name == c.name),
        "candidate": c.name,
        "recipe": c.recipe,
        "runtime": c.runtime,
        "runs in": c.effective_precision or c.precision,
        "status": c.status,
        "energy": energy_text(c),
        "interval": energy_interval(c),
        "time": plus_minus(c.wall_s or c.cpu_s, "s"),
        "accuracy": f"{percent(c.accuracy.value)} [{percent(c.accuracy.low)} .. "
        f"{percent(c.accuracy.high)}], n = {c.accuracy.n}",
        "drop (pt)": drop_text(c.drop),
        "reason": c.reason or "–",
    }


def _energy(c: Candidate) -> Span | None:
    return energy_span(c.energy or (c.predicted_energy if c.status == "modelled" else None))


def _floor(alt: Any, document: OptimizeDocument) -> list[Chart]:
    origin = document.find(document.reference) or document.find(document.baseline)
    if origin is None or origin.accuracy is None:
        return []
    lowest = origin.accuracy.value - document.max_drop
    text = f"accuracy bound: drop ≤ {100 * document.max_drop:g} pt"
    base = alt.Chart(values(alt, [{"y": lowest, "text": text}])).encode(y="y:Q")
    rule = base.mark_rule(strokeDash=[5, 4], color="#d9534f", opacity=0.8)
    label = base.mark_text(align="right", dx=-4, dy=-7, color="#d9534f", fontSize=11)
    return [rule, label.encode(x=alt.value("width"), text="text:N")]


def _staircase(data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of the front, which also counts latency and size, what is best in energy and accuracy."""
    steps: list[dict[str, Any]] = []
    for point in sorted((d for d in data if d["status"] == "front"), key=lambda d: float(d["x"])):
        if not steps or point["y"] > steps[-1]["y"]:
            steps.append(point)
    return steps


def _line(alt: Any, front: list[dict[str, Any]]) -> Chart:
    steps = alt.Chart(values(alt, front)).mark_line(interpolate="step-after", opacity=0.5)
    return steps.encode(x="x:Q", y="y:Q", color=alt.value(STATUS_COLOURS["front"]))


def _intervals(alt: Any, data: list[dict[str, Any]]) -> list[Chart]:
    rule = alt.Chart(values(alt, data)).mark_rule(opacity=0.25).encode(color=alt.value("#8a97a8"))
    return [
        rule.encode(x="x_low:Q", x2="x_high:Q", y="y:Q"),
        rule.encode(x="x:Q", y="y_low:Q", y2="y_high:Q"),
    ]


def _points(alt: Any, data: list[dict[str, Any]], x_title: str) -> Chart:
    shown = _present(data)
    y = alt.Y(
        "y:Q",
        title="accuracy",
        scale=alt.Scale(zero=False),
        axis=alt.Axis(format=".1%", tickCount=6),
    )
    few = alt.Axis(tickCount=8)
    shapes = [_SHAPES[list(STATUS_COLOURS).index(s)] for s in shown]
    return (
        alt.Chart(values(alt, data))
        .mark_point(filled=True, size=95, opacity=0.95)
        .encode(
            x=alt.X("x:Q", title=x_title, scale=alt.Scale(zero=True), axis=few),
            y=y,
            color=_colour(alt, data),
            shape=alt.Shape(
                "status:N",
                title=None,
                scale=alt.Scale(domain=shown, range=shapes),
                legend=alt.Legend(orient="bottom"),
            ),
            tooltip=tips(alt, *_TIPS),
        )
    )


def _labels(alt: Any, data: list[dict[str, Any]]) -> Chart:
    text = alt.Chart(values(alt, data)).mark_text(
        align="right", dx=-8, dy=-9, fontSize=12, fontWeight="bold"
    )
    return text.encode(x="x:Q", y="y:Q", text="label:N")


def _present(data: list[dict[str, Any]]) -> list[str]:
    return [s for s in STATUS_COLOURS if any(d["status"] == s for d in data)]


def _colour(alt: Any, data: list[dict[str, Any]]) -> Any:
    shown = _present(data)
    colours = [STATUS_COLOURS[s] for s in shown]
    scale = alt.Scale(domain=shown, range=colours)
    # Below the plot: at its top a legend would cover the points of full accuracy.
    return alt.Color("status:N", title=None, scale=scale, legend=alt.Legend(orient="bottom"))
