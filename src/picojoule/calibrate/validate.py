"""pj validate: predictions of groups never fitted, beside measurements and rival formulas."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from picojoule.calibrate.measured_set import Floats, MeasuredSet, Predictions
from picojoule.calibrate.scores import Scores, score
from picojoule.calibrate.sets import measured_set
from picojoule.errors import InputError

__all__ = ["Validation", "leave_groups_out", "validate"]


@dataclass(frozen=True, slots=True)
class Validation:
    """Predictions of rows whose group was left out of the fit.

    groups, parts: the group of each row, and what errors are told apart by. measured_j and the
    predictions: joules per unit.
    rivals: joules by other formulas, on the same rows. rejected: reason -> rows refused.
    """

    name: str
    unit: str
    groups: tuple[str, ...]
    parts: tuple[str, ...]
    configs: tuple[object, ...]
    measured_j: Floats
    predicted: Predictions
    rivals: dict[str, Floats]
    rejected: dict[str, int]

    @property
    def scores(self) -> Scores:
        """Errors, bias and coverage over all rows."""
        p = self.predicted
        return score(p.energy_j, self.measured_j, p.low_j, p.high_j)

    def rival_scores(self) -> dict[str, Scores]:
        """The same for the rival formulas, which have no interval."""
        return {name: score(energy_j, self.measured_j) for name, energy_j in self.rivals.items()}

    def group_scores(self) -> dict[str, Scores]:
        """The scores of each group, the worst median first."""
        return self._scores_by(self.groups)

    def part_scores(self) -> dict[str, Scores]:
        """The scores of each GPU, board or kind of system, the worst median first."""
        return self._scores_by(self.parts)

    def _scores_by(self, names: tuple[str, ...]) -> dict[str, Scores]:
        p, labels = self.predicted, np.array(names)
        columns = (p.energy_j, self.measured_j, p.low_j, p.high_j)
        found = {
            str(name): score(*(column[labels == name] for column in columns))
            for name in np.unique(labels)
        }
        return dict(sorted(found.items(), key=lambda pair: -np.nan_to_num(pair[1].median, nan=9e9)))


def validate(folder: str | Path, set_name: str) -> Validation:
    """Score picojoule on a download of a public set, leaving out one group at a time.

    folder: holds the set's files as published. Raises InputError: unknown set, no file, no row.
    """
    known = measured_set(set_name)
    table = known.find(Path(folder))
    parsed = known.parse(table)
    rows = parsed.usable()
    if rows.size == 0:
        raise InputError("no row can be used", where=table.where, expected="measured rows")
    refused = Counter(reason for reason in parsed.reasons if reason)
    return leave_groups_out(
        known, tuple(parsed.configs[i] for i in rows), parsed.energy_j[rows], dict(refused)
    )


def leave_groups_out(
    known: MeasuredSet,
    configs: tuple[object, ...],
    energy_j: Floats,
    rejected: dict[str, int] | None = None,
) -> Validation:
    """Fit on all groups but one, predict that one, for each group.

    Rows of the left-out group that the set may be shown (`shown(config)`, where a set has it) are
    given to the fitted predictor and not scored.
    """
    groups = np.array([known.group(config) for config in configs])
    may = getattr(known, "shown", lambda config: False)
    open_ = np.array([bool(may(config)) for config in configs], bool)
    columns = {name: np.full(energy_j.size, np.nan) for name in ("energy_j", "low_j", "high_j")}
    reasons: list[str | None] = [None] * energy_j.size
    rivals: dict[str, Floats] = {}
    for name in np.unique(groups):
        outside = np.flatnonzero(groups != name)
        shown = np.flatnonzero((groups == name) & open_)
        inside = np.flatnonzero((groups == name) & ~open_)
        train, test = [configs[i] for i in outside], [configs[i] for i in inside]
        predictor = known.fit(train, energy_j[outside])
        if shown.size:
            predictor = predictor.given([configs[i] for i in shown], energy_j[shown])
        answer = predictor.predict(test)
        for column, values in columns.items():
            values[inside] = getattr(answer, column)
        for i, reason in zip(inside, answer.reasons, strict=True):
            reasons[i] = reason
        seen = np.concatenate([outside, shown])
        rows = [configs[i] for i in seen]
        for rival, values in known.baselines(rows, energy_j[seen], test).items():
            rivals.setdefault(rival, np.full(energy_j.size, np.nan))[inside] = values
    scored = np.flatnonzero(~open_)
    predicted = Predictions(
        **{name: values[scored] for name, values in columns.items()},
        reasons=tuple(reasons[i] for i in scored),
    )
    return Validation(
        known.name,
        known.unit,
        tuple(groups[scored].tolist()),
        tuple(known.part(configs[i]) for i in scored),
        tuple(configs[i] for i in scored),
        energy_j[scored],
        predicted,
        {name: values[scored] for name, values in rivals.items()},
        rejected or {},
    )
