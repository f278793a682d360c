"""A search's candidates as a terminal table: what was tried, what it cost, why it was refused."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from picojoule.quantity import Evidence
from picojoule.report.console import Col, Sheet, cell, heading, note_lines
from picojoule.report.documents import Candidate, OptimizeDocument, Status
from picojoule.report.front_words import (
    conclusion,
    drop_text,
    energy_interval,
    energy_text,
    plus_minus,
    points,
    times,
)
from picojoule.report.relative import cost_of, speed_up
from picojoule.report.words import amount, at_most, safe

__all__ = ["front_view"]

STATUS_STYLE = {
    "front": "green",
    "dominated": "",
    "verified": "cyan",
    "modelled": "blue",
    "rejected": "red",
    "inconclusive": "yellow",
    "infeasible": "dim",
    "skipped": "dim",
}


def front_view(document: OptimizeDocument) -> RenderableType:
    """The candidates that were tried, least energy first, with reasons and the conclusion."""
    sheet = Sheet(_COLUMNS)
    tried = [c for c in document.candidates if c.status != "skipped"]
    for candidate in sorted(tried, key=cost_of):
        _add(sheet, candidate, document)
    title = f"{document.model} on {document.chip}, accuracy drop ≤ {points(document.max_drop)}"
    return Group(
        heading(title),
        sheet,
        Text(_LEGEND, style="dim"),
        Text(_evidence(document), style="dim"),
        *_reasons(document),
        *note_lines(document.notes),
        Text(safe(conclusion(document)), style="bold"),
    )


_LEGEND = "→ chosen   b best fp32 path   e eager   ~ not run, predicted   × times faster"

_COLUMNS = (
    Col("", right=False),
    Col("candidate", right=False),
    Col("runs in", right=False, drop=6),
    Col("energy"),
    Col("interval", drop=3),
    Col("time", drop=5),
    Col("× eager", drop=2),
    Col("× fp32", drop=1),
    Col("drop (pt)"),
    Col("size", drop=4),
    Col("status", right=False),
)


def _add(sheet: Sheet, candidate: Candidate, document: OptimizeDocument) -> None:
    best, eager = document.find(document.baseline), document.find(document.reference)
    sheet.add(
        _mark(candidate, document),
        candidate.name,
        candidate.effective_precision or candidate.precision,
        energy_text(candidate),
        cell(energy_interval(candidate), style="dim"),
        plus_minus(candidate.wall_s or candidate.cpu_s, "s"),
        times(speed_up(candidate, eager)),
        times(speed_up(candidate, best)),
        drop_text(candidate.drop),
        amount(candidate.size_bytes, "B"),
        cell(candidate.status, style=STATUS_STYLE[candidate.status]),
        style="bold" if candidate.name == document.chosen else "",
    )


def _evidence(document: OptimizeDocument) -> str:
    known = {q.evidence for c in document.candidates if (q := c.energy or c.predicted_energy)}
    return "energy is " + "   ".join(f"{e.glyph} {e.word}" for e in Evidence if e.word in known)


def _reasons(document: OptimizeDocument) -> list[Text]:
    """Why candidates lost, those with the same reason together; the skipped in one line."""
    groups: dict[tuple[Status, str], list[str]] = {}
    for c in document.candidates:
        if c.reason or c.status == "skipped":
            why = "not built" if c.status == "skipped" else c.reason or ""
            groups.setdefault((c.status, why), []).append(c.name)
    return [
        Text.assemble((status, STATUS_STYLE[status]), f": {at_most(names)}: ", safe(why))
        for (status, why), names in groups.items()
    ]


def _mark(candidate: Candidate, document: OptimizeDocument) -> str:
    marks = {"→": document.chosen, "b": document.baseline, "e": document.reference}
    return "".join(mark for mark, name in marks.items() if name == candidate.name)
