"""An exploration's front as a terminal table."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from picojoule.quantity import Evidence, Quantity
from picojoule.report.console import Col, Sheet, cell, heading, note_lines
from picojoule.report.words import amount, interval, percent, safe
from picojoule.search.explore import DesignFront, Point

__all__ = ["area_text", "explore_view", "short_names", "value_text"]

_MOST = 40


def explore_view(front: DesignFront) -> RenderableType:
    """The designs on the front, least of the first objective first, and what was left out."""
    shown = front.front[:_MOST]
    names = short_names([*shown[0].values]) if shown else {}
    headers = [Col(names[path]) for path in names]
    sheet = Sheet([*headers, Col("energy"), Col("interval", drop=2), Col("latency"),
                   Col("area"), Col("interval", drop=1), Col("", right=False),
                   Col("chip", right=False, drop=3)])  # fmt: skip
    for point in shown:
        sheet.add(*_cells(point))
    return Group(
        heading(f"{front.chip}: one run of {', '.join(front.workloads)}"),
        sheet,
        Text(_summary(front)),
        *_left_out(front),
        *note_lines(front.notes),
    )


def short_names(paths: list[str]) -> dict[str, str]:
    """Each path's shortest end that no other path shares."""
    parts = {path: path.split(".") for path in paths}
    short = {}
    for path, own in parts.items():
        ends = (".".join(own[-n:]) for n in range(1, len(own) + 1))
        others = [p for p in paths if p != path]
        short[path] = next(e for e in ends if not any(_ends(p, e) for p in others) or e == path)
    return short


def _ends(path: str, end: str) -> bool:
    return path == end or path.endswith(f".{end}")


def value_text(value: object) -> str:
    """A parameter's value: a number in full, words joined."""
    if isinstance(value, tuple):
        return ",".join(value)
    return f"{value:g}" if isinstance(value, float) and abs(value) >= 1e6 else str(value)


def area_text(area: Quantity) -> str:
    """mm², which take no prefix."""
    return "–" if area.evidence is Evidence.UNAVAILABLE else f"{area.value:.3g} mm²"


def _cells(point: Point) -> list[str | Text]:
    cost = point.cost
    area = cost.area
    known = area.evidence is not Evidence.UNAVAILABLE
    ends = f"{area.low:.3g} .. {area.high:.3g}" if known else ""
    return [
        *(value_text(v) for v in point.values.values()),
        amount(cost.energy.value, "J"),
        cell(interval(cost.energy), style="dim"),
        amount(cost.latency.value, "s"),
        area_text(area),
        cell(ends, style="dim"),
        max(cost.energy.evidence, cost.latency.evidence).glyph,
        cell(point.chip, style="dim"),
    ]


def _summary(front: DesignFront) -> str:
    more = f"; {len(front.front) - _MOST} more in report.json" if len(front.front) > _MOST else ""
    whole = "all" if front.exhaustive else f"{len(front.points) + front.skipped:,}"
    return (
        f"{len(front.front)} on the front of {', '.join(front.objectives)}{more}; "
        f"looked at {whole} of {front.designs:,} designs, priced {len(front.points):,}; "
        f"the front dominates {percent(front.hypervolume)} of their box"
    )


def _left_out(front: DesignFront) -> list[Text]:
    lines = [f"{front.skipped:,} too large or no chip"] if front.skipped else []
    over = sum(p.status == "over the limit" for p in front.points)
    lines += [f"{over:,} over a limit"] if over else []
    lost = [p for p in front.points if p.status == "no price"]
    lines += [f"{len(lost):,} without a price, as {lost[0].cost.missing}"] if lost else []
    return [Text(safe(line), style="yellow") for line in lines]
