"""docs/papers.md: every reproduced paper with its numbers, written by `pj reproduce -o`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from picojoule.papers import Finding, Paper, verdict_of

__all__ = ["papers_page"]

_HEAD = """# Papers
Written by `pj reproduce -o docs/papers.md`. A paper is a composition of picojoule's primitives; \
each number that it printed stands beside ours. *Contradicted* and *partly* are results: the note \
says what was found.
"""


def papers_page(found: Sequence[tuple[Paper, Sequence[Finding] | None]]) -> str:
    """Markdown: an overview table, then one section a paper."""
    counts = Counter(_verdict(*pair) for pair in found)
    tally = ", ".join(f"{n} {word}" for word, n in counts.most_common())
    overview = ["| paper | verdict | composition |", "|---|---|---|"]
    overview += [
        f"| [{p.name}](#{p.name}) | {_verdict(p, f)} | {_cell(p.composition)} |" for p, f in found
    ]
    sections = [_section(*pair) for pair in found]
    return "\n".join([_HEAD, f"{len(found)} papers: {tally}.", "", *overview, "", *sections])


def _verdict(paper: Paper, findings: Sequence[Finding] | None) -> str:
    return f"{paper.verdict.value} (not run)" if findings is None else verdict_of(findings).value


def _section(paper: Paper, findings: Sequence[Finding] | None) -> str:
    lines = [f"## {paper.name}", f"*{paper.title}*, {paper.source}.", "", f"{paper.claim}", ""]
    if findings:
        lines += ["| quantity | published | ours | unit | holds |", "|---|---:|---:|---|---|"]
        lines += [_line(f) for f in findings] + [""]
        lines += [f"- {f.what}: {f.note}" for f in findings if f.note]
    lines.append(f"\n**{_verdict(paper, findings)}**, as {paper.composition}.\n")
    return "\n".join(lines)


def _line(f: Finding) -> str:
    sign = "" if f.relation == "=" else f"{f.relation} "
    good = "agrees with itself" if f.derived else "yes"
    holds = good if f.holds else "**no**"
    return f"| {_cell(f.what)} | {sign}{f.published:.6g} | {f.ours:.6g} | {f.unit} | {holds} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
