"""What a search found, in words and numbers that the terminal and the HTML view share."""

from __future__ import annotations

from picojoule.quantity import Evidence, Quantity
from picojoule.report.documents import Candidate, OptimizeDocument, QuantityDocument, Span
from picojoule.report.relative import energy_span, ratio
from picojoule.report.words import amount, interval, percent

__all__ = [
    "conclusion",
    "drop_text",
    "energy_interval",
    "energy_text",
    "plus_minus",
    "points",
    "times",
]


def _known(candidate: Candidate) -> tuple[str, QuantityDocument] | None:
    """Joules of a run, or with the mark '~' the predicted ones."""
    for mark, known in (("", candidate.energy), ("~", candidate.predicted_energy)):
        if known is not None and known.value is not None:
            return mark, known
    return None


def energy_text(candidate: Candidate) -> str:
    """'71 mJ ○': joules with their evidence; '~' marks a candidate that was not run."""
    if (found := _known(candidate)) is None:
        return "–"
    mark, known = found
    return f"{mark}{amount(known.value, 'J')} {Evidence.of(known.evidence).glyph}"


def energy_interval(candidate: Candidate) -> str:
    """'66.7 .. 75.3 mJ'."""
    found = _known(candidate)
    span = None if found is None else energy_span(found[1])
    if span is None:
        return ""
    return interval(Quantity(span.value, span.low, span.high, "J", Evidence.MODELLED))


def plus_minus(span: Span | None, unit: str) -> str:
    """'1.76 ms ±5%': the larger half of the interval, relative to the value."""
    if span is None:
        return "–"
    half = max(span.high - span.value, span.value - span.low)
    relative = f" ±{half / span.value:.0%}" if half > 0 and span.value > 0 else ""
    return amount(span.value, unit) + relative


def times(span: Span | None) -> str:
    """'3.4× ±5%'."""
    if span is None:
        return "–"
    half = max(span.high - span.value, span.value - span.low) / span.value
    return f"{span.value:.2f}×" + (f" ±{half:.0%}" if half >= 0.005 else "")


def points(fraction: float) -> str:
    """0.0123 -> '1.23 pt' (percentage points)."""
    return f"{100 * fraction:.2f} pt".replace("-", "−")


def drop_text(drop: Span | None) -> str:
    """Accuracy lost in percentage points, with the larger half of its interval."""
    if drop is None:
        return "–"
    half = max(drop.high - drop.value, drop.value - drop.low)
    return f"{100 * drop.value:.2f} ±{100 * half:.2f}".replace("-", "−")


def conclusion(document: OptimizeDocument) -> str:
    """What to do, or why there is nothing to do: the search's own words when it has some."""
    if document.verdict:
        return document.verdict
    chosen, best = document.find(document.chosen), document.find(document.baseline)
    if chosen is None:
        return "no candidate is proven to keep the accuracy within the bound"
    if document.chosen == document.baseline:
        return f"keep {chosen.name}: nothing is proven to use less energy than the best fp32 path"
    left = ratio(energy_span(chosen.energy), energy_span(best.energy if best else None))
    if left is None:
        return f"use {chosen.name}"
    value, low, high = (percent(1 - end, 0) for end in (left.value, left.high, left.low))
    saved = f"{value} [{low} .. {high}] less energy than the best fp32 path"
    doubt = ", but the saving is not proven: the interval contains none" if left.high >= 1 else ""
    return f"use {chosen.name}: {saved}{doubt}"
