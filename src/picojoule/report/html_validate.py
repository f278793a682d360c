"""One HTML file about how wrong predictions are on a public set of measurements."""

from __future__ import annotations

from picojoule.report.chart_validate import scatter
from picojoule.report.documents_validate import ValidateDocument
from picojoule.report.html import fill

__all__ = ["validation_page"]


def validation_page(document: ValidateDocument) -> str:
    """The report of a validation. Raises MissingExtra without the extra `report`."""
    return fill("validate.html", {"scatter": scatter(document)}, title=document.set, doc=document)
