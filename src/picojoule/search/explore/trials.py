"""Priced designs in a file of JSON lines: what is finished is never lost, and never done twice.

A line holds the study (a digest of the chip, the workloads, the node and the effort), the design
and its cost, so one file may serve many explorations.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from picojoule.chips import Chip
from picojoule.errors import InputError
from picojoule.graph import Graph
from picojoule.journal import append_line, read_lines
from picojoule.quantity import Evidence, Quantity
from picojoule.search.explore.price import Cost

__all__ = ["Trials", "study_of"]

_RULES = 1
"""Counts up when what a design costs changes for the same chip and workload."""


class _Amount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    value: float | None
    low: float | None
    high: float | None
    unit: Literal["J", "s", "mm²"]
    evidence: Literal["measured", "calibrated", "modelled", "assumed", "unavailable"]


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    study: str
    design: str
    energy: _Amount
    latency: _Amount
    area: _Amount
    workloads: dict[str, tuple[float, float]]
    missing: str


class Trials:
    """Costs by the key of a design. file: None keeps them in memory only.

    Raises InputError for a file that can't be read, or whose lines are not trials.
    """

    def __init__(self, file: Path | None, study: str) -> None:
        self._file, self._study = file, study
        self.known: dict[str, Cost] = dict(self._read())

    def keep(self, design: str, cost: Cost) -> None:
        """Remember a cost, on disk before this returns."""
        self.known[design] = cost
        if self._file is None:
            return
        amounts = {k: getattr(cost, k).to_dict() for k in ("energy", "latency", "area")}
        line = {"study": self._study, "design": design, **amounts,
                "workloads": dict(cost.workloads), "missing": cost.missing}  # fmt: skip
        append_line(self._file, msgspec.json.encode(line))

    def _read(self) -> list[tuple[str, Cost]]:
        lines = [] if self._file is None else read_lines(self._file, b'{"study":')
        found = [self._parse(i, line) for i, line in enumerate(lines, 1)]
        return [(x.design, _cost(x)) for x in found if x.study == self._study]

    def _parse(self, number: int, line: bytes) -> _Line:
        try:
            return msgspec.json.decode(line, type=_Line)
        except msgspec.DecodeError as error:
            raise InputError(
                f"not a trial: {error}", where=f"{self._file}:{number}",
                fix="name another file, or remove the line",
            ) from None  # fmt: skip


def study_of(chip: Chip, graphs: Mapping[str, Graph], node_nm: float | None, effort: Any) -> str:
    """A digest of all that a design's cost depends on, besides the design."""
    digest = hashlib.sha256()
    digest.update(repr((_RULES, _version(), chip.hash, node_nm, effort)).encode())
    for name, graph in graphs.items():
        digest.update(repr((name, [(op.name, op.shape_key) for op in graph.ops])).encode())
        digest.update(repr(graph.edges).encode())
    return digest.hexdigest()[:24]


def _version() -> str:
    try:
        return importlib.metadata.version("picojoule")
    except importlib.metadata.PackageNotFoundError:  # run from its source
        return "source"


def _cost(line: _Line) -> Cost:
    energy, latency, area = map(_quantity, (line.energy, line.latency, line.area))
    return Cost(energy, latency, area, line.workloads, line.missing)


def _quantity(a: _Amount) -> Quantity:
    value, low, high = (math.nan if v is None else v for v in (a.value, a.low, a.high))
    return Quantity(value, low, high, a.unit, Evidence.of(a.evidence))
