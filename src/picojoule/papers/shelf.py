"""Finds the papers of this folder, one file each, and runs one."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import picojoule.papers as folder
from picojoule.errors import InputError, MissingError, MissingExtra, nearest
from picojoule.papers.paper import Finding, Paper

__all__ = ["find", "papers", "reproduce"]

_MODULES = {"torch": "torch", "sklearn": "examples"}  # a module that a paper needs -> its extra


def papers() -> list[Paper]:
    """All papers, by row. A module of this folder that defines PAPER is one."""
    modules = [
        importlib.import_module(f"{folder.__name__}.{m.name}")
        for m in pkgutil.iter_modules(folder.__path__)
    ]
    found = [m.PAPER for m in modules if hasattr(m, "PAPER")]
    return sorted(found, key=lambda paper: (paper.row, paper.name))


def find(name: str) -> Paper:
    """The paper with this name. Raises InputError with the nearest names."""
    known = {paper.name: paper for paper in papers()}
    if name not in known:
        raise InputError(f"no paper is called {name!r}", fix=nearest(name, known))
    return known[name]


def reproduce(paper: Paper, data: Path | None = None) -> Sequence[Finding]:
    """Run a paper's check. `data`: a folder of public measurements, else $PICOJOULE_DATA.

    Raises MissingExtra for a library and MissingError for measurements that are not there.
    """
    data = data or (Path(os.environ["PICOJOULE_DATA"]) if "PICOJOULE_DATA" in os.environ else None)
    for need in paper.needs:
        if need in _MODULES:
            if find_spec(need) is None:
                raise MissingExtra(need, _MODULES[need])
        elif data is None or not (data / need).exists():
            raise MissingError(
                f"{paper.name} reads the public measurements {need!r}, which are not here",
                where=None if data is None else str(data),
                fix="pj reproduce NAME --data FOLDER, or set PICOJOULE_DATA",
            )
    return paper.check(data)
