"""One HTML file about a footprint: energy and carbon by part, indicators, scopes, sources."""

from __future__ import annotations

from picojoule.carbon.footprint import Footprint
from picojoule.carbon.line import INDICATORS
from picojoule.carbon.standards import Sci, Site, ghg_table
from picojoule.report.chart_footprint import carbon_parts, energy_parts
from picojoule.report.html import fill

__all__ = ["footprint_page"]


def footprint_page(footprint: Footprint, score: Sci, site: Site = "own") -> str:
    """The report of a footprint. Raises MissingExtra without the extra `report`."""
    return fill(
        "footprint.html",
        {"energy": energy_parts(footprint), "carbon": carbon_parts(footprint)},
        title=f"{footprint.work.title} in {footprint.region.title}",
        foot=footprint,
        indicators=[(i.name.replace("_", " "), footprint.total(i.name)) for i in INDICATORS],
        scopes=ghg_table(footprint, site),
        score=score,
    )
