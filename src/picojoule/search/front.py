"""Front: verified candidates that no other beats in accuracy, energy, latency and size."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from picojoule.errors import Inconclusive, InputError
from picojoule.search.candidate import Candidate

__all__ = ["SCHEMA", "Front", "pareto"]

SCHEMA = "picojoule/optimize/1"


def pareto(candidates: Sequence[Candidate]) -> set[int]:
    """Indices of candidates that no other dominates: at least as good in everything and better
    in something. Objectives: accuracy (up), energy, latency and size (down)."""
    points = np.array([_objectives(c) for c in candidates]).reshape(len(candidates), -1)
    no_worse = (points[:, None] <= points[None]).all(axis=2)
    better = (points[:, None] < points[None]).any(axis=2)
    beaten = (no_worse & better).any(axis=0)
    return set(np.flatnonzero(~beaten).tolist())


def _objectives(c: Candidate) -> tuple[float, float, float, float]:
    accuracy = c.accuracy[0] if c.accuracy else -np.inf
    energy = c.energy.value if c.energy else np.inf
    wall = c.wall_s.value if c.wall_s else np.inf
    return -accuracy, energy, wall, float(c.size_bytes or np.inf)


@dataclass(frozen=True)
class Front:
    """All candidates of one search, with the verified ones marked front or dominated.

    reference: the model as given, in its own framework. baseline: the best fp32 path, which is
    what a saving has to beat. chosen: the name of the best accepted candidate, or None.
    verdict: what can be said about the chosen one against the baseline.
    """

    model: str
    chip: str
    max_drop: float
    candidates: tuple[Candidate, ...]
    reference: str | None
    baseline: str | None
    chosen: str | None
    verdict: str
    directory: Path
    notes: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0

    @property
    def front(self) -> tuple[Candidate, ...]:
        """The Pareto-optimal ones, least energy first."""
        return tuple(sorted((c for c in self.candidates if c.status == "front"), key=_energy))

    def __getitem__(self, name: str) -> Candidate:
        for c in self.candidates:
            if c.name == name:
                return c
        raise InputError("no such candidate", got=name, expected=[c.name for c in self.candidates])

    def best(self, max_drop: float | None = None) -> Candidate:
        """Least energy among those on the front whose bounded drop is at most `max_drop`.

        Raises Inconclusive when there is none.
        """
        allowed = self.max_drop if max_drop is None else max_drop
        for c in self.front:
            if c.drop is not None and c.drop[2] <= allowed:
                return c
        raise Inconclusive(f"no candidate is verified to drop at most {allowed:.2%}")

    def knee(self) -> Candidate:
        """The one on the front nearest to the best of each of accuracy and energy, both scaled
        to the front's range."""
        if not self.front:
            raise Inconclusive("the front is empty: nothing was verified and timed")
        points = np.array([_objectives(c)[:2] for c in self.front])
        span = np.ptp(points, axis=0)
        scaled = (points - points.min(axis=0)) / np.where(span > 0, span, 1)
        return self.front[int(np.argmin(np.linalg.norm(scaled, axis=1)))]

    def export(self, directory: str | Path, name: str | None = None) -> Path:
        """Copy a candidate (the chosen one) to `directory`; run it with pj.load(directory).

        Raises InputError when the directory is not empty, nothing was chosen, or the candidate is
        modelled only.
        """
        name = name or self.chosen
        if name is None:
            raise InputError("nothing was chosen", fix="export('dir', name=...) of a candidate")
        if self[name].recipe.formats:
            raise InputError("modelled only: there is nothing to run", got=name)
        target = Path(directory)
        if target.exists() and any(target.iterdir()):
            raise InputError("the export folder is not empty", where=str(target))
        source = self.directory / "candidates" / self[name].recipe.slug
        shutil.copytree(source, target, dirs_exist_ok=True)
        return target

    def to_dict(self) -> dict[str, Any]:
        """JSON document `picojoule/optimize/1`."""
        return {
            "schema": SCHEMA,
            "model": self.model,
            "chip": self.chip,
            "max_drop": self.max_drop,
            "baseline": self.baseline,
            "reference": self.reference,
            "chosen": self.chosen,
            "verdict": self.verdict,
            "candidates": [c.to_dict() for c in self.candidates],
            "notes": list(self.notes),
            "environment": dict(self.environment),
            "seed": self.seed,
        }

    def __str__(self) -> str:
        return f"Front({self.model} on {self.chip}: {len(self.front)} on the front; {self.verdict})"


def _energy(c: Candidate) -> float:
    return c.energy.value if c.energy else np.inf
