"""Every paper: what its check finds is the verdict that its file states."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from picojoule.errors import MissingError
from picojoule.papers import Paper, verdict_of
from picojoule.papers.shelf import papers, reproduce

DATA = Path(os.environ.get("PICOJOULE_DATA", Path(__file__).parents[3] / "shared/data"))


@pytest.mark.parametrize("paper", papers(), ids=lambda paper: paper.name)
def test_a_check_finds_the_stated_verdict(paper: Paper):
    try:
        findings = reproduce(paper, DATA if DATA.exists() else None)
    except MissingError as missing:
        pytest.skip(str(missing))
    shown = [f"{f.what}: {f.ours:.6g} {f.relation} {f.published:.6g}: {f.holds}" for f in findings]
    assert verdict_of(findings) is paper.verdict, "\n".join(shown)


def test_names_and_sentences_are_there():
    names = [paper.name for paper in papers()]
    assert len(set(names)) == len(names)
    for paper in papers():
        assert all((paper.title, paper.source, paper.claim, paper.composition))


def test_what_does_not_hold_says_what_was_found():
    for paper in papers():
        if paper.verdict in ("partly", "contradicted") and not paper.needs:
            for finding in paper.check(None):
                assert finding.holds or finding.note, f"{paper.name}: {finding.what}"
