"""Predicted against measured, as terminal tables."""

from __future__ import annotations

from rich.console import Group, RenderableType

from picojoule.report.console import Col, Sheet, heading, note_lines, warning_line
from picojoule.report.documents_validate import PredictDocument, ScoresDocument, ValidateDocument
from picojoule.report.words import percent, signed_percent

__all__ = ["prediction_view", "validation_view"]

_WORST = 10
_ERRORS = (Col("rows"), Col("median"), Col("mean"), Col("9 of 10 below", drop=1), Col("bias"),
           Col("covered"))  # fmt: skip


def validation_view(document: ValidateDocument) -> RenderableType:
    """Our error and that of rival formulas, by part, the worst groups, and what was refused."""
    sheet = Sheet([Col("predicted by", right=False), *_ERRORS])
    sheet.add("picojoule", *_errors(document.scores))
    for name, scores in document.rivals.items():
        sheet.add(name, *_errors(scores))
    parts = Sheet([Col("picojoule on", right=False), *_ERRORS])
    for name, scores in document.parts.items():
        parts.add(name, *_errors(scores))
    suspected = Col("suspected", right=False, drop=2, wrap=True)
    groups = Sheet([Col("worst groups", right=False), *_ERRORS, suspected])
    for name, group in list(document.groups.items())[:_WORST]:
        groups.add(name, *_errors(group.scores), group.suspected)
    notes = [
        f"each of {len(document.groups)} groups was predicted by a fit without it",
        f"covered: measurements in our {percent(document.nominal_coverage, 0)} interval; "
        "bias: median of predicted/measured − 1",
        document.source,
    ]
    return Group(
        heading(f"{document.set}: {document.scores.rows} rows, {document.unit}"),
        sheet,
        parts,
        groups,
        *[warning_line(f"not used: {n} x {reason}") for reason, n in document.rejected.items()],
        *note_lines(notes),
    )


def _errors(scores: ScoresDocument) -> list[str]:
    shares = [_percent(x) for x in (scores.median, scores.mean, scores.p90)]
    bias = "–" if scores.bias is None else signed_percent(scores.bias)
    return [str(scores.rows), *shares, bias, _percent(scores.coverage, 0)]


def _percent(share: float | None, digits: int = 1) -> str:
    return "–" if share is None else percent(share, digits)


def prediction_view(document: PredictDocument) -> RenderableType:
    """How many rows were predicted, and why others were not."""
    title = f"{document.set}: {document.predicted} of {document.rows} rows predicted"
    lines = [warning_line(f"{n} x {reason}") for reason, n in document.unavailable.items()]
    return Group(heading(f"{title}, {document.unit}"), *lines)
