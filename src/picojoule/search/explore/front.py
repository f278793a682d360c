"""Which designs no other beats, how much of the space they dominate, and all that were tried."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from picojoule.errors import InputError, nearest
from picojoule.search.explore.price import Cost
from picojoule.search.explore.space import OBJECTIVES, Value

__all__ = ["DesignFront", "Point", "Status", "dominated_share", "hypervolume", "non_dominated"]

Status = Literal["front", "dominated", "over the limit", "no price"]


def non_dominated(points: Any) -> list[bool]:
    """For each row of numbers to be small: no other row is at most as large in all and smaller in
    one. Equal rows don't beat each other."""
    rows = np.asarray(points, dtype=float).reshape(len(points), -1)
    no_worse = (rows[:, None] <= rows[None]).all(axis=2)
    better = (rows[:, None] < rows[None]).any(axis=2)
    beaten = set(np.nonzero(no_worse & better)[1].tolist())
    return [i not in beaten for i in range(len(rows))]


def hypervolume(points: Any, reference: Sequence[float]) -> float:
    """Volume between `reference` and the rows that are below it in every number, exactly.

    By slices along the last number (Zitzler's hypervolume by slicing objectives).
    """
    rows = np.asarray(points, dtype=float).reshape(-1, len(reference))
    rows = rows[(rows < np.asarray(reference)).all(axis=1)]
    if not len(rows):
        return 0.0
    if rows.shape[1] == 1:
        return float(reference[0] - rows.min())
    rows = rows[np.argsort(rows[:, -1])]
    tops = np.append(rows[1:, -1], reference[-1])
    return math.fsum(
        float(top - row[-1]) * hypervolume(rows[: i + 1, :-1], reference[:-1])
        for i, (row, top) in enumerate(zip(rows, tops, strict=True))
        if top > row[-1]
    )


def dominated_share(rows: list[list[float]]) -> float:
    """Share of the box between the best and the worst of each objective that is dominated."""
    values = np.array(rows)
    if not len(values):
        return 0.0
    low, span = values.min(axis=0), np.ptp(values, axis=0)
    varies = span > 0
    if not varies.any():
        return 0.0
    scaled = (values[:, varies] - low[varies]) / span[varies]
    return hypervolume(scaled, [1.0] * int(varies.sum()))


@dataclass(frozen=True, slots=True)
class Point:
    """A design that was tried. values: by path. chip: hash of the varied chip."""

    values: Mapping[str, Value]
    chip: str
    cost: Cost
    status: Status

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        cost = self.cost
        return {
            "values": {k: list(v) if isinstance(v, tuple) else v for k, v in self.values.items()},
            "chip": self.chip,
            "status": self.status,
            "reason": cost.missing,
            "energy": cost.energy.to_dict(),
            "latency": cost.latency.to_dict(),
            "area": cost.area.to_dict(),
            "workloads": {
                name: {"energy_j": e, "latency_s": t} for name, (e, t) in cost.workloads.items()
            },
        }


@dataclass(frozen=True)
class DesignFront:
    """What an exploration found.

    points: all that were priced, in the order in which they were proposed. designs: how many the
    space has; tried: how many were looked at, `skipped` of them dropped by their area alone.
    exhaustive: nothing was left out. hypervolume: share of the box from the best to the worst
    priced value of each objective that the front dominates. notes: what a reader should know.
    """

    chip: str
    workloads: tuple[str, ...]
    objectives: tuple[str, ...]
    most: Mapping[str, float]
    node_nm: float | None
    points: tuple[Point, ...]
    designs: int
    skipped: int
    exhaustive: bool
    seed: int
    hypervolume: float
    notes: tuple[str, ...] = ()

    @property
    def front(self) -> tuple[Point, ...]:
        """The designs that no other beats, least of the first objective first."""
        found = [p for p in self.points if p.status == "front"]
        return tuple(sorted(found, key=lambda p: p.cost.of(self.objectives[0])))

    def best(self, objective: str) -> Point:
        """The design with the least of an objective. Raises InputError for one that isn't one."""
        if objective not in OBJECTIVES:
            raise InputError(f"no objective {objective!r}", fix=nearest(objective, OBJECTIVES))
        return min(self.front, key=lambda p: p.cost.of(objective))

    def __str__(self) -> str:
        return (
            f"DesignFront({self.chip}: {len(self.front)} of {len(self.points)} designs on the "
            f"front, {self.designs} in the space)"
        )
