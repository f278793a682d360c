"""A ledger as a terminal table: names left, numbers right, how each number is known beside it."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from picojoule.ledger import Ledger, Total
from picojoule.report.console import Col, Sheet, cell, heading, note_lines, warning_line
from picojoule.report.words import amount, at_most, bar, interval, percent
from picojoule.tree import TreeRow, cut_modules, evidence_shares, module_tree, ranked

__all__ = ["BY", "ledger_view", "roll_up", "summary_lines", "title_of"]

BY = ("layer", "op", "level", "operand", "phase", "component", "kind")
"""What a ledger can be broken down by."""


def roll_up(
    ledger: Ledger, by: str = "layer", depth: int = 2, top: int | None = None
) -> list[TreeRow]:
    """The rows of a breakdown: the module tree, or ranked groups where a tree makes no sense."""
    if by != "layer":
        return ranked(ledger, by, top)
    if top is not None:
        return ranked(cut_modules(ledger, depth), "module", top)
    return module_tree(ledger, depth)


def ledger_view(
    ledger: Ledger, *, by: str = "layer", depth: int = 2, top: int | None = None
) -> RenderableType:
    """A table of joules with totals, coverage, evidence and notes."""
    total = ledger.total()
    sheet = _sheet(by)
    rows = roll_up(ledger, by, depth, top)
    for row in rows:
        _add(sheet, row, total)
    sheet.rule()
    macs = sum(r.macs for r in rows if r.depth == 0)
    _add(sheet, TreeRow("total", "total", 0, total, macs), total, style="bold")
    return Group(heading(title_of(ledger)), sheet, *summary_lines(ledger))


def title_of(ledger: Ledger) -> str:
    """'resnet50 on h100-sxm (torch-compile)'."""
    meta = ledger.meta
    runtime = f" ({meta['runtime']})" if meta.get("runtime") else ""
    return f"{meta.get('model', 'model')} on {meta.get('chip', 'an unknown chip')}{runtime}"


def _sheet(by: str) -> Sheet:
    return Sheet(
        [
            Col(by, right=False),
            Col("energy"),
            Col("interval", drop=1),
            Col("share"),
            Col("", right=False, drop=3),
            Col("time"),
            Col("MACs", drop=2),
            Col("", right=False),
        ]
    )


def _add(sheet: Sheet, row: TreeRow, whole: Total, style: str = "") -> None:
    energy, time = row.total.energy, row.total.time
    share = energy.value / whole.energy.value if whole.energy.value > 0 else float("nan")
    sheet.add(
        "  " * row.depth + row.name,
        amount(energy.value, "J"),
        cell(interval(energy), style="dim"),
        percent(share),
        cell(bar(share), style="cyan"),
        amount(time.value, "s"),
        amount(row.macs) if row.macs else "",
        energy.evidence.glyph + ("*" if row.total.coverage < 1 else ""),
        style=style,
    )


def summary_lines(ledger: Ledger) -> list[Text]:
    """Coverage, how the energy is known, ops without a price, and notes."""
    total = ledger.total()
    lines = [Text(f"coverage {percent(total.coverage)} of {total.rows} rows")]
    if known := evidence_shares(ledger):
        shares = "   ".join(f"{e.glyph} {e.word} {percent(s)}" for e, s in known.items())
        lines.append(Text(f"evidence {shares}   (a sum shows the weakest of its parts)"))
    if total.missing:
        lines.append(warning_line(f"* no energy known for: {at_most(total.missing)}"))
    if uncounted := ledger.meta.get("uncounted"):
        lines.append(warning_line(f"priced by bytes moved only: {at_most(uncounted)}"))
    notes = [*ledger.meta.get("notes", ()), *ledger.meta.get("graph_notes", ())]
    return lines + note_lines(notes)
