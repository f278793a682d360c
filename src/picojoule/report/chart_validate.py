"""Predicted against measured joules, both on logarithmic axes."""

from __future__ import annotations

from picojoule.extras import require
from picojoule.report.charts import SERIES, Chart, tips, values
from picojoule.report.documents_validate import ValidateDocument
from picojoule.report.words import amount

__all__ = ["scatter"]

_MOST_POINTS = 4000
_MOST_COLOURS = len(SERIES)


def scatter(document: ValidateDocument) -> Chart | None:
    """A point a row, in the colour of its part; the line is where a prediction is right.

    None where nothing was predicted. Of many rows, every n-th is drawn.
    """
    alt = require("altair", "report")
    known = [p for p in document.points if p.predicted_j is not None]
    known = known[:: -(-len(known) // _MOST_POINTS) or 1]
    if not known:
        return None
    parts = list(dict.fromkeys(p.part for p in known))
    shown = {name: name if i < _MOST_COLOURS else "others" for i, name in enumerate(parts)}
    data = [
        {
            "measured": p.measured_j, "predicted": p.predicted_j, "part": shown[p.part],
            "group": p.group, "as measured": amount(p.measured_j, "J"),
            "as predicted": amount(p.predicted_j, "J"),
            "90% interval": f"{amount(p.low_j, 'J')} .. {amount(p.high_j, 'J')}",
        }
        for p in known
    ]  # fmt: skip
    ends = [d[axis] for d in data for axis in ("measured", "predicted")]
    low, high = min(ends) / 1.2, max(ends) * 1.2  # type: ignore[type-var, operator]
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    axis = alt.Axis(format="~s", tickCount=6, grid=False)
    points = alt.Chart(values(alt, data)).mark_point(filled=True, size=28, opacity=0.5).encode(
        x=alt.X("measured:Q", scale=scale, axis=axis, title=f"measured ({document.unit})"),
        y=alt.Y("predicted:Q", scale=scale, axis=axis, title=f"predicted ({document.unit})"),
        color=alt.Color("part:N", title=None, scale=alt.Scale(range=list(SERIES)),
                        legend=alt.Legend(orient="top", columns=4) if len(parts) > 1 else None),
        tooltip=tips(alt, "group", "as measured", "as predicted", "90% interval"),
    )  # fmt: skip
    ideal = [{"measured": v, "predicted": v} for v in (low, high)]
    line = alt.Chart(values(alt, ideal)).mark_line(strokeDash=[4, 3], opacity=0.6, color="#8a97a8")
    return alt.layer(line.encode(x="measured:Q", y="predicted:Q"), points).properties(
        width="container", height=420
    )
