"""Chips as terminal tables: the catalogue, and one chip's constants with their sources."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.text import Text

from picojoule.chips import Chip
from picojoule.quantity import Evidence
from picojoule.report.appendix import ceilings, constants
from picojoule.report.console import Col, Sheet, cell, heading, note_lines
from picojoule.report.words import amount, safe

__all__ = ["catalogue_view", "chip_view"]


def catalogue_view(chips: Iterable[Chip]) -> RenderableType:
    """One line for each chip."""
    sheet = Sheet(
        [
            Col("chip", right=False),
            Col("kind", right=False),
            Col("peak"),
            Col("format", right=False, drop=2),
            Col("main memory"),
            Col("idle"),
            Col("limit"),
            Col("runtimes", right=False, drop=3),
            Col("what it is", right=False, drop=4),
        ]
    )
    for chip in chips:
        peaks = ceilings(chip)["peak_mac_s"]
        fastest = max(peaks, key=lambda name: peaks[name], default="")
        sheet.add(
            chip.name,
            chip.kind,
            amount(peaks.get(fastest), "MAC/s"),
            fastest,
            amount(chip.memory[0].bandwidth_b_s.value, "B/s"),
            amount(chip.idle_w.value, "W"),
            amount(chip.max_w.value, "W"),
            ", ".join(chip.runtime),
            chip.title,
        )
    return sheet


def chip_view(chip: Chip) -> RenderableType:
    """Every constant with its interval, evidence and source."""
    found = constants(chip)
    sheet = Sheet([Col("constant", right=False), Col("value"), Col("interval", drop=1),
                   Col("", right=False), Col("source", right=False, wrap=True)])  # fmt: skip
    for name, c in found:
        ends = "" if c.low == c.high else f"{c.low:.4g} .. {c.high:.4g}"
        source = Text(safe(c.source), style="dim")
        sheet.add(name, f"{c.value:.4g}", cell(ends, style="dim"), c.evidence.glyph, source)
    seen = sorted({c.evidence for _, c in found})
    legend = "   ".join(f"{e.glyph} {e.word}" for e in Evidence if e in seen)
    return Group(
        heading(f"{chip.name}: {chip.title} ({chip.kind})"),
        sheet,
        *note_lines([legend, "names end in the unit; peaks and pj are per MAC or operation"]),
    )
