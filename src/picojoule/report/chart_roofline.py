"""The roofline figure: what each op achieves, under what the chip could do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from picojoule.extras import require
from picojoule.ledger import Ledger
from picojoule.report.charts import SERIES, Chart, tips, values
from picojoule.report.words import amount
from picojoule.tree import OpPoint, op_points, outermost_level

__all__ = ["roofline"]


def roofline(ledger: Ledger) -> Chart | None:
    """Achieved MAC/s against MACs per byte of the outermost memory; None without such ops.

    Ceilings are drawn when `meta["roofline"]` has them.
    """
    alt = require("altair", "report")
    data = [_point(p) for p in op_points(ledger) if _on_roofline(p)]
    if not data:
        return None
    level = outermost_level(ledger)
    ceilings, corners = _ceilings(alt, ledger, level, [d["intensity"] for d in data])
    x = _log_axis(
        alt.X, "intensity", f"arithmetic intensity (MAC per byte of {level})", data + corners
    )
    y = _log_axis(alt.Y, "rate", "achieved MAC/s", data + corners)
    return alt.layer(*ceilings, _points(alt, data, x, y)).properties(width="container", height=380)


def _points(alt: Any, data: Sequence[Mapping[str, Any]], x: Any, y: Any) -> Chart:
    kinds = sorted({d["kind"] for d in data})
    colours = alt.Scale(domain=kinds, range=list(SERIES[: len(kinds)]))
    return (
        alt.Chart(values(alt, data))
        .mark_circle(opacity=0.75)
        .encode(
            x=x,
            y=y,
            size=alt.Size("joule_value:Q", legend=None, scale=alt.Scale(range=[25, 500])),
            color=alt.Color("kind:N", title=None, scale=colours),
            tooltip=tips(
                alt, "op", "phase", "kind", "MACs", "MAC per byte", "MAC/s", "joules", "time"
            ),
        )
    )


def _on_roofline(point: OpPoint) -> bool:
    return point.macs > 0 and point.bytes_moved > 0 and point.total.time.value > 0


def _point(point: OpPoint) -> dict[str, Any]:
    intensity = point.macs / point.bytes_moved
    rate = point.macs / point.total.time.value
    energy = point.total.energy.value
    return {
        "op": point.op,
        "phase": point.phase,
        "kind": point.kind,
        "intensity": intensity,
        "rate": rate,
        "joule_value": energy if math.isfinite(energy) else 0.0,
        "MACs": amount(point.macs),
        "MAC per byte": f"{intensity:.3g}",
        "MAC/s": amount(rate, "MAC/s"),
        "joules": amount(energy, "J"),
        "time": amount(point.total.time.value, "s"),
    }


def _ceilings(
    alt: Any, ledger: Ledger, level: str, intensities: Sequence[float]
) -> tuple[list[Chart], list[dict[str, Any]]]:
    """The lines that nothing can exceed, and their corners; none without a chip's peaks."""
    peaks, bandwidth = _limits(ledger)
    slope = bandwidth.get(level)
    if not peaks or not slope:
        return [], []
    top = max(peaks.values())
    left, right = min(intensities) / 1.5, max(*intensities, top / slope) * 3
    roof = [{"intensity": x, "rate": min(x * slope, top)} for x in (left, top / slope, right)]
    levels = sorted({*peaks.values()})
    ends = [{"intensity": right, "rate": p, "name": _named(p, peaks)} for p in levels]
    corners = [{**e, "intensity": p / slope} for e, p in zip(ends, levels, strict=True)]
    grey = {"color": alt.value("#8a97a8"), "x": "intensity:Q", "y": "rate:Q"}
    flat = alt.Chart(values(alt, corners + ends)).mark_line(
        strokeDash=[4, 3], opacity=0.8, clip=True
    )
    label = alt.Chart(values(alt, ends)).mark_text(align="right", dy=-7, fontSize=11, clip=True)
    slanted = alt.Chart(values(alt, roof)).mark_line(strokeWidth=1.5, opacity=0.8, clip=True)
    lines = [slanted.encode(**grey), flat.encode(detail="name:N", **grey)]
    return [*lines, label.encode(text="name:N", **grey)], roof + ends


def _limits(ledger: Ledger) -> tuple[dict[str, float], dict[str, float]]:
    """Peaks of the formats that this work computes in (of all, when none is known), and
    bandwidths."""
    given = ledger.meta.get("roofline") or {}
    peaks = dict(given.get("peak_mac_s", {}))
    used = set(ledger.where(component="mac")["operand"].tolist())
    return {n: p for n, p in peaks.items() if n in used} or peaks, given.get("bandwidth_b_s", {})


def _named(peak: float, peaks: Mapping[str, float]) -> str:
    names = ", ".join(name for name, value in peaks.items() if value == peak)
    return f"{names}  {amount(peak, 'MAC/s')}"


def _log_axis(channel: Any, name: str, title: str, data: Sequence[Mapping[str, Any]]) -> Any:
    alt = require("altair", "report")
    seen = [d[name] for d in data]
    scale = alt.Scale(type="log", nice=False, domain=[min(seen) / 1.6, max(seen) * 1.6])
    decades = [10.0**e for e in range(-6, 25)]
    return channel(
        f"{name}:Q", title=title, scale=scale, axis=alt.Axis(format="~s", values=decades)
    )
