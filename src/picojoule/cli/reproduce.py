"""pj reproduce: run a paper's composition and compare its numbers with ours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from picojoule.cli.files import write_text
from picojoule.cli.terminal import Json, emit, say, working, wrote
from picojoule.errors import MissingError

if TYPE_CHECKING:
    from picojoule.papers import Finding, Paper

__all__ = ["reproduce"]


def reproduce(
    name: Annotated[str | None, Parameter(help="As in `pj papers`. Default: all.")] = None,
    /,
    *,
    data: Annotated[
        Path | None, Parameter(help="Folder of public measurements. Default: PICOJOULE_DATA.")
    ] = None,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="Markdown page to write.")
    ] = None,
    json: Json = False,
) -> int:
    """Run a paper's composition and put its numbers beside the published ones.

    Exits with 1 when a verdict is not the one that the paper's file states.
    A claim that is stated as contradicted, and is, exits with 0.
    """
    from picojoule.papers.shelf import find, papers
    from picojoule.report.documents_papers import reproduced_document
    from picojoule.report.text_papers import findings_view

    chosen = papers() if name is None else [find(name)]
    found = [(paper, _run(paper, data, alone=name is not None)) for paper in chosen]
    emit(reproduced_document(found), lambda: findings_view(found), as_json=json)
    if output is not None:
        from picojoule.report.page_papers import papers_page

        write_text(output, papers_page(found))
        wrote(output)
    return int(any(_surprising(paper, findings) for paper, findings in found))


def _run(paper: Paper, data: Path | None, *, alone: bool) -> Sequence[Finding] | None:
    from picojoule.papers.shelf import reproduce as check

    with working(f"{paper.name}: about {paper.seconds:.0f} s"):
        try:
            return check(paper, data)
        except MissingError as error:
            if alone:
                raise
            say(str(error))
            return None


def _surprising(paper: Paper, findings: Sequence[Finding] | None) -> bool:
    from picojoule.papers import verdict_of

    return findings is not None and verdict_of(findings) is not paper.verdict
