"""A comparison of two ledgers as a terminal table, with the verdict in one line."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from picojoule.comparison import Change, Comparison
from picojoule.report.console import Col, Sheet, warning_line
from picojoule.report.words import amount, percent, signed_percent

__all__ = ["comparison_view", "verdict_line"]

_STYLES = {"within": "bold green", "exceeded": "bold red", "inconclusive": "bold yellow"}


def comparison_view(
    comparison: Comparison, max_increase: float | None = None, top: int | None = 30
) -> RenderableType:
    """Old, new and difference by layer, largest change first."""
    columns = [Col("layer", right=False), Col("old"), Col("new"), Col("Δ"), Col("Δ%")]
    sheet = Sheet(columns)
    for change in comparison.changes[:top]:
        sheet.add(change.module or "(itself)", *_numbers(change))
    sheet.rule()
    whole = Change("total", comparison.old.energy.value, comparison.new.energy.value)
    sheet.add("total", *_numbers(whole), style="bold")
    lines = _footer(comparison, top)
    style = _STYLES.get(_verdict(comparison, max_increase), "bold")
    return Group(sheet, *lines, Text(verdict_line(comparison, max_increase), style=style))


def _numbers(change: Change) -> tuple[str, str, str, str]:
    relative = change.delta_j / change.old_j if change.old_j else float("inf")
    if change.old_j is None:
        word = "new"
    elif change.new_j is None:
        word = "gone"
    else:
        word = signed_percent(relative) if change.delta_j else "0.0%"
    delta = amount(change.delta_j, "J").replace("-", "−")
    sign = "+" if change.delta_j > 0 else ""
    return amount(change.old_j, "J"), amount(change.new_j, "J"), sign + delta, word


def _footer(comparison: Comparison, top: int | None) -> list[Text]:
    lines = []
    if top is not None and len(comparison.changes) > top:
        lines.append(Text(f"and {len(comparison.changes) - top} more layers", style="dim"))
    for name, total in (("old", comparison.old), ("new", comparison.new)):
        if total.coverage < 1:
            gap = f"{name}: only {percent(total.coverage)} of the rows have a known energy"
            lines.append(warning_line(gap))
    if not comparison.shared_constants:
        lines.append(
            Text("the chips' constants differ, so the two intervals are independent", style="dim")
        )
    return lines


def _verdict(comparison: Comparison, max_increase: float | None) -> str:
    return "" if max_increase is None else comparison.verdict(max_increase)


def verdict_line(comparison: Comparison, max_increase: float | None = None) -> str:
    """'energy −12.3% [−14.0% .. −10.1%]: within the bound of +2.0%'."""
    ends = (comparison.relative, comparison.relative_low, comparison.relative_high)
    value, low, high = (signed_percent(e) for e in ends)
    line = f"energy {value} [{low} .. {high}]"
    if max_increase is None:
        return line
    said = {
        "within": "within",
        "exceeded": "EXCEEDS",
        "inconclusive": "INCONCLUSIVE: the evidence can't tell whether it is within",
    }[comparison.verdict(max_increase)]
    return f"{line}: {said} the bound of {signed_percent(max_increase)}"
