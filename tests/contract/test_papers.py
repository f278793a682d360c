"""Every paper: what its check finds is the verdict that its file states."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from picojoule.errors import MissingError
from picojoule.papers import Finding, Paper, Verdict, verdict_of
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
    for finding in findings:
        assert finding.holds or finding.note, f"says nothing of what was found: {finding.what}"


def test_names_and_sentences_are_there():
    names = [paper.name for paper in papers()]
    assert len(set(names)) == len(names)
    assert len({paper.row for paper in papers()}) == len(names)
    for paper in papers():
        assert all((paper.title, paper.source, paper.claim, paper.composition))
        file = paper.check.__module__.rpartition(".")[2]
        assert paper.name == file.replace("_", "-")


def test_the_list_needs_no_torch():
    code = (
        "import sys; from picojoule.papers.shelf import papers; papers();"
        "print([m for m in ('torch', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_figures_that_agree_with_themselves_reproduce_nothing():
    ours, theirs = Finding("ours", 1, 1), Finding("theirs", 1, 1, derived=True)
    assert verdict_of([]) is verdict_of([theirs]) is Verdict.NOT_CHECKABLE
    assert verdict_of([ours, theirs]) is Verdict.REPRODUCED
    assert verdict_of([ours, Finding("theirs", 1, 2, derived=True)]) is Verdict.PARTLY
    assert verdict_of([Finding("theirs", 1, 2, derived=True)]) is Verdict.CONTRADICTED
