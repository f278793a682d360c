"""The JSON documents of `pj papers` and `pj reproduce`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from picojoule.papers import Finding, Paper, verdict_of

__all__ = ["PapersDocument", "ReproduceDocument", "papers_document", "reproduced_document"]

VerdictWord = Literal["reproduced", "partly", "contradicted", "not checkable here"]


class PaperDocument(Struct, frozen=True):
    """One paper. verdict: as its file states it."""

    name: str
    row: int
    title: str
    source: str
    claim: str
    composition: str
    verdict: VerdictWord
    needs: list[str]


class PapersDocument(Struct, frozen=True):
    """`picojoule/papers/1`: the papers that are reproduced here."""

    schema: Literal["picojoule/papers/1"]
    papers: list[PaperDocument]


class FindingDocument(Struct, frozen=True):
    """`ours relation published`, within a relative tolerance.

    derived: ours is arithmetic on the paper's own figures.
    """

    what: str
    published: float
    ours: float
    relation: Literal["=", "<=", ">="]
    tolerance: float
    unit: str
    holds: bool
    note: str
    derived: bool


class ReproducedPaper(Struct, frozen=True):
    """A paper with what was found; both null where its measurements are not here."""

    paper: PaperDocument
    found: VerdictWord | None
    findings: list[FindingDocument] | None


class ReproduceDocument(Struct, frozen=True):
    """`picojoule/reproduce/1`: papers that were run."""

    schema: Literal["picojoule/reproduce/1"]
    papers: list[ReproducedPaper]


def papers_document(papers: Sequence[Paper]) -> PapersDocument:
    """The list of papers."""
    return PapersDocument("picojoule/papers/1", [_paper(paper) for paper in papers])


def reproduced_document(
    found: Sequence[tuple[Paper, Sequence[Finding] | None]],
) -> ReproduceDocument:
    """Papers with their findings."""
    return ReproduceDocument("picojoule/reproduce/1", [_reproduced(*pair) for pair in found])


def _paper(p: Paper) -> PaperDocument:
    return PaperDocument(
        p.name, p.row, p.title, p.source, p.claim, p.composition, p.verdict.value, list(p.needs)
    )


def _reproduced(paper: Paper, findings: Sequence[Finding] | None) -> ReproducedPaper:
    if findings is None:
        return ReproducedPaper(_paper(paper), None, None)
    return ReproducedPaper(
        _paper(paper), verdict_of(findings).value, [_finding(f) for f in findings]
    )


def _finding(f: Finding) -> FindingDocument:
    return FindingDocument(
        f.what, f.published, f.ours, f.relation, f.tolerance, f.unit, f.holds, f.note, f.derived
    )
