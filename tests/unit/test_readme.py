"""Documented snippets run; the public API is what it says."""

import re
from pathlib import Path

import pytest

import picojoule as pj

ROOT = Path(__file__).parents[2]


def snippets():
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for number, block in enumerate(re.findall(r"```python\n(.*?)```", path.read_text(), re.S)):
            # A spec with blanks for the reader to fill isn't a program.
            if "..." not in block:
                yield pytest.param(block, id=f"{path.name}-{number}")


@pytest.mark.parametrize("block", list(snippets()))
def test_python_snippets_run(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "snippet", "exec"), {"__name__": "snippet"})  # noqa: S102  (our own pages)


def test_public_names_exist_and_are_few():
    assert len(pj.__all__) <= 20
    for name in pj.__all__:
        assert getattr(pj, name) is not None, name


def test_pages_name_only_files_that_exist():
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"
