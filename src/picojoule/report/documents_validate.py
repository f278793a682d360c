"""The JSON documents of `pj validate` and `pj predict`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from msgspec import Struct

from picojoule.calibrate import Validation
from picojoule.calibrate.interval import LEVEL
from picojoule.calibrate.scores import Scores
from picojoule.calibrate.sets import measured_set
from picojoule.calibrate.table import Row

__all__ = ["PredictDocument", "ScoresDocument", "ValidateDocument", "predict_document",
           "scores_document", "validate_document"]  # fmt: skip


class ScoresDocument(Struct, frozen=True):
    """|predicted/measured − 1| as median, mean and 90th percentile; null where nothing was scored.

    bias: median of predicted/measured − 1. coverage: share of measurements inside the interval.
    answered: share of the rows with a prediction.
    """

    rows: int
    median: float | None
    mean: float | None
    p90: float | None
    bias: float | None
    coverage: float | None
    answered: float


class GroupDocument(Struct, frozen=True):
    """A group that was left out. suspected: why its worst row may be wrong, where it is known."""

    scores: ScoresDocument
    suspected: str


class PointDocument(Struct, frozen=True):
    """One row: joules per unit as measured and as predicted, null where it was not."""

    group: str
    part: str
    measured_j: float
    predicted_j: float | None
    low_j: float | None
    high_j: float | None


class ValidateDocument(Struct, frozen=True):
    """`picojoule/validate/1`: errors on groups never fitted, ours and of rival formulas.

    parts: by GPU, board or kind of system. rejected: reason -> rows refused.
    """

    schema: Literal["picojoule/validate/1"]
    set: str
    unit: str
    source: str
    nominal_coverage: float
    scores: ScoresDocument
    rivals: dict[str, ScoresDocument]
    parts: dict[str, ScoresDocument]
    groups: dict[str, GroupDocument]
    rejected: dict[str, int]
    points: list[PointDocument]


class PredictDocument(Struct, frozen=True):
    """`picojoule/predict/1`: how many rows were predicted. unavailable: reason -> rows."""

    schema: Literal["picojoule/predict/1"]
    set: str
    unit: str
    rows: int
    predicted: int
    unavailable: dict[str, int]


def validate_document(found: Validation) -> ValidateDocument:
    """What `pj validate` found."""
    told = _suspected(found)
    return ValidateDocument(
        schema="picojoule/validate/1",
        set=found.name,
        unit=found.unit,
        source=measured_set(found.name).source,
        nominal_coverage=LEVEL,
        scores=scores_document(found.scores),
        rivals={name: scores_document(s) for name, s in found.rival_scores().items()},
        parts={name: scores_document(s) for name, s in found.part_scores().items()},
        groups={
            name: GroupDocument(scores_document(s), told.get(name, ""))
            for name, s in found.group_scores().items()
        },
        rejected=dict(found.rejected),
        points=_points(found),
    )


def predict_document(name: str, added: Sequence[Row]) -> PredictDocument:
    """What `pj predict` wrote."""
    missing: dict[str, int] = {}
    for cells in added:
        if cells["evidence"] == "unavailable":
            missing[cells["reason"]] = missing.get(cells["reason"], 0) + 1
    most_first = dict(sorted(missing.items(), key=lambda pair: -pair[1]))
    predicted = len(added) - sum(missing.values())
    return PredictDocument(
        "picojoule/predict/1", name, measured_set(name).unit, len(added), predicted, most_first
    )


def scores_document(s: Scores) -> ScoresDocument:
    """Scores, with null for what is not known."""
    return ScoresDocument(
        rows=s.rows,
        median=_known(s.median),
        mean=_known(s.mean),
        p90=_known(s.p90),
        bias=_known(s.bias),
        coverage=_known(s.coverage),
        answered=s.answered,
    )


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _points(found: Validation) -> list[PointDocument]:
    p = found.predicted
    columns = (found.measured_j, p.energy_j, p.low_j, p.high_j)
    return [
        PointDocument(group, part, float(measured), *(_known(v) for v in rest))
        for group, part, measured, *rest in zip(found.groups, found.parts, *columns, strict=True)
    ]


def _suspected(found: Validation) -> dict[str, str]:
    """Why the worst row of each group may be wrong, where the set knows its domain."""
    suspect = getattr(measured_set(found.name), "suspect", None)
    if suspect is None:
        return {}
    off = np.abs(np.log(found.predicted.energy_j / found.measured_j))
    groups, told = np.array(found.groups), {}
    for name in np.unique(groups):
        mine = np.flatnonzero((groups == name) & np.isfinite(off))
        if mine.size:
            worst = mine[np.argmax(off[mine])]
            ratio = float(found.predicted.energy_j[worst] / found.measured_j[worst])
            told[str(name)] = str(suspect(found.configs[worst], ratio))
    return told
