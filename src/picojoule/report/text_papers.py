"""Papers as terminal tables: the shelf, and the findings of those that were run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType

from picojoule.papers import Finding, Paper, verdict_of
from picojoule.report.console import Col, Sheet, cell, heading, note_lines, warning_line

__all__ = ["findings_view", "shelf_view"]

_STYLE = {"reproduced": "green", "partly": "yellow", "contradicted": "red"}


def shelf_view(papers: Sequence[Paper]) -> RenderableType:
    """One line for each paper, and how many have each verdict."""
    names = Col("paper", right=False), Col("verdict", right=False)
    sheet = Sheet([*names, Col("needs", right=False, drop=2), Col("claim", right=False, wrap=True)])
    for p in papers:
        verdict = cell(p.verdict.value, style=_STYLE.get(p.verdict.value, ""))
        sheet.add(p.name, verdict, " ".join(p.needs), p.claim)
    counts = Counter(p.verdict.value for p in papers)
    tally = ", ".join(f"{n} {word}" for word, n in counts.most_common())
    if not papers:
        return Group(*note_lines(["no paper has this word in it; pj papers lists all"]))
    return Group(sheet, *note_lines([f"{len(papers)} papers: {tally}", "pj reproduce PAPER"]))


def findings_view(found: Sequence[tuple[Paper, Sequence[Finding] | None]]) -> RenderableType:
    """Published numbers beside ours, paper by paper."""
    return Group(*(part for pair in found for part in _one(*pair)))


def _one(paper: Paper, findings: Sequence[Finding] | None) -> list[RenderableType]:
    title = heading(f"{paper.name}: {paper.title}")
    if findings is None:
        return [title, warning_line("not run: its measurements are not here")]
    sheet = Sheet([Col("quantity", right=False, wrap=True), Col("published"), Col("ours"),
                   Col("unit", right=False, drop=1), Col("", right=False)])  # fmt: skip
    for f in findings:
        sign = "" if f.relation == "=" else f"{f.relation} "
        good = "agrees with itself" if f.derived else "holds"
        mark = cell(good, style="green") if f.holds else cell("does not hold", style="red")
        sheet.add(f.what, f"{sign}{f.published:.6g}", f"{f.ours:.6g}", f.unit, mark)
    notes = [f"{f.what}: {f.note}" for f in findings if f.note]
    verdict = verdict_of(findings).value
    told = "" if verdict == paper.verdict.value else f", but its file states {paper.verdict.value}"
    lines = [f"claim: {paper.claim}", f"as: {paper.composition}", f"verdict: {verdict}{told}"]
    return [title, sheet, *note_lines([*notes, *lines, f"source: {paper.source}"])]
