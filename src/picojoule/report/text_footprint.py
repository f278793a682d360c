"""A footprint, and factors, as terminal tables."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from picojoule.carbon.amounts import JOULES_PER_KWH
from picojoule.carbon.factor import Factor
from picojoule.carbon.footprint import Footprint
from picojoule.carbon.line import INDICATORS, Line
from picojoule.carbon.standards import Sci, Site, ghg_table
from picojoule.quantity import Quantity
from picojoule.report.console import Col, Sheet, cell, heading, note_lines, warning_line
from picojoule.report.words import amount, interval, percent

__all__ = ["factor_view", "factors_view", "footprint_view"]


def footprint_view(footprint: Footprint, score: Sci, site: Site = "own") -> RenderableType:
    """Every part of every indicator with its sum, the standards' views, sources and notes."""
    work = footprint.work
    title = f"{work.title}: {_energy(work.energy)} of IT, "
    title += f"{_energy(footprint.facility_energy)} at the meter, in {footprint.region.title}"
    lost = []
    if work.coverage < 1:
        lost.append(warning_line(f"energy known for {percent(work.coverage)} of the work only"))
    return Group(
        heading(title),
        _parts(footprint),
        *lost,
        Text(""),
        _scopes(footprint, site),
        Text(_sci(score)),
        Text(""),
        _sources(footprint),
        *note_lines(footprint.notes),
    )


def _parts(footprint: Footprint) -> Sheet:
    sheet = Sheet([Col("", right=False), Col("part", right=False), Col("amount"),
                   Col("interval", drop=1), Col("", right=False),
                   Col("how, or why not", right=False, drop=2)])  # fmt: skip
    for indicator in INDICATORS:
        lines = [x for x in footprint.lines if x.indicator == indicator.name]
        name = indicator.name.replace("_", " ")
        for number, line in enumerate(lines):
            sheet.add(name if number == 0 else "", line.part, *_numbers(line.quantity),
                      _mark(line), cell(line.how or line.missing, style="dim"))  # fmt: skip
        found = footprint.total(indicator.name)
        without = f"without {', '.join(found.missing)}" if found.missing else ""
        sheet.add("", "sum", *_numbers(found.quantity), found.quantity.evidence.glyph,
                  cell(without, style="yellow"), style="bold")  # fmt: skip
        sheet.rule()
    return sheet


def _mark(line: Line) -> str:
    return line.quantity.evidence.glyph + ("*" if line.coverage < 1 else "")


def _scopes(footprint: Footprint, site: Site) -> Sheet:
    sheet = Sheet([Col("GHG Protocol", right=False), Col("category", right=False), Col("amount"),
                   Col("interval", drop=1)])  # fmt: skip
    for row in ghg_table(footprint, site):
        sheet.add(f"scope {row.scope}", row.category, *_numbers(row.sum.quantity))
    return sheet


def _sci(score: Sci) -> str:
    if score.score is None:
        return f"SCI (ISO/IEC 21031): none, {score.why}"
    value, ends = _numbers(score.score)
    return f"SCI (ISO/IEC 21031): {value} per {score.unit}" + (f" [{ends}]" if ends else "")


def _sources(footprint: Footprint) -> Sheet:
    sheet = Sheet([Col("factor", right=False), Col("value"), Col("year"),
                   Col("source", right=False, wrap=True)])  # fmt: skip
    for factor in footprint.factors:
        _add_sources(sheet, factor)
    return sheet


def factors_view(factors: Sequence[Factor]) -> RenderableType:
    """One line for each factor."""
    sheet = Sheet([Col("kind", right=False), Col("name", right=False), Col("title", right=False),
                   Col("value"), Col("interval", drop=1), Col("unit", right=False), Col("year"),
                   Col("sources"), Col("first source", right=False, drop=2)])  # fmt: skip
    for f in factors:
        q, source = f.quantity, cell(f.sources[0].text, style="dim")
        ends = "" if q.low == q.high else f"{q.low:.4g} .. {q.high:.4g}"
        sheet.add(f.kind, f.name, f.title, f"{q.value:.4g}", cell(ends, style="dim"), q.unit,
                  str(f.vintage), str(len(f.sources)), source)  # fmt: skip
    return sheet


def factor_view(factors: Sequence[Factor]) -> RenderableType:
    """All factors of one name, with every source."""
    sheet = Sheet([Col("factor", right=False), Col("value"), Col("year"),
                   Col("source", right=False, wrap=True)])  # fmt: skip
    for factor in factors:
        _add_sources(sheet, factor)
    note = "the first source of a factor gives its value, the others widen its interval"
    return Group(heading(f"{factors[0].name}: {factors[0].title}"), sheet, *note_lines([note]))


def _add_sources(sheet: Sheet, factor: Factor) -> None:
    for number, s in enumerate(factor.sources):
        name = f"{factor.kind} {factor.name}" if number == 0 else ""
        ends = "" if s.low == s.high else f" [{s.low:.4g} .. {s.high:.4g}]"
        value = f"{s.value:.4g}{ends} {factor.quantity.unit} {s.evidence.glyph}"
        sheet.add(name, value, str(s.vintage), Text(s.text, style="dim"))


def _numbers(quantity: Quantity) -> tuple[str, str]:
    return _tonnes(amount(quantity.value, quantity.unit)), _tonnes(interval(quantity))


def _energy(energy: Quantity) -> str:
    return amount(energy.value / JOULES_PER_KWH * 1000, "Wh")


def _tonnes(text: str) -> str:
    """Megagrams are tonnes to those who report them."""
    for prefixed, name in (("Mg ", "t "), ("Gg ", "kt "), ("Tg ", "Mt ")):
        text = text.replace(prefixed, name)
    return text
