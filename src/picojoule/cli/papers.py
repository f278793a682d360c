"""pj papers: the reproduced papers and their verdicts."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from picojoule.cli.terminal import Json, emit

__all__ = ["papers"]


def papers(
    word: Annotated[str, Parameter(help="Only those with this word in them.")] = "",
    /,
    *,
    json: Json = False,
) -> int:
    """List the papers that are reproduced here, with what became of their claims."""
    from picojoule.papers.shelf import papers as shelf
    from picojoule.report.documents_papers import papers_document
    from picojoule.report.text_papers import shelf_view

    found = [
        p for p in shelf() if word.lower() in f"{p.name} {p.title} {p.claim} {p.verdict}".lower()
    ]
    emit(papers_document(found), lambda: shelf_view(found), as_json=json)
    return 0
