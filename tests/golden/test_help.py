"""Help texts are part of the interface. PJ_UPDATE_GOLDEN=1 rewrites them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from picojoule.cli import _VERBS, run

FOLDER = Path(__file__).with_name("help")
VERBS = list(_VERBS)


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help_text(verb, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    assert run([*([verb] if verb else []), "--help"]) == 0
    text = capsys.readouterr().out
    path = FOLDER / f"{verb or 'pj'}.txt"
    if os.environ.get("PJ_UPDATE_GOLDEN") == "1":
        path.write_text(text)
    assert text == path.read_text()


def test_every_golden_text_is_of_a_verb():
    assert {p.stem for p in FOLDER.iterdir()} == {"pj", *VERBS}


def test_help_imports_no_heavy_library():
    code = """
import sys
from picojoule.cli import run
run(["--help"])
heavy = {"torch", "scipy", "numpy", "altair", "jinja2", "onnx"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_no_arguments_print_the_help(capsys):
    assert run([]) == 0
    assert "Commands:" in capsys.readouterr().out
