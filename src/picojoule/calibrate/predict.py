"""pj predict: rows of a set, with predicted joules beside them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from picojoule.calibrate.measured_set import MeasuredSet, Predictions, Predictor
from picojoule.calibrate.sets import measured_set
from picojoule.calibrate.table import Row, Table, read_table, write_table
from picojoule.errors import InputError

__all__ = ["predict", "predict_table"]


def predict(
    path: str | Path, set_name: str, *, given: str | Path | None = None, out: str | Path
) -> tuple[Row, ...]:
    """Predict every row of a CSV file and write it, in order, with five more columns.

    path: configurations in the set's own columns. set_name: as in `SETS`. given: measured rows
    that may be used to calibrate. out: the CSV to write: predicted_j, low_j, high_j (90%),
    evidence, reason. Returns the added cells. Raises InputError for files and set names; a bad
    row is kept, `unavailable`, with its reason.
    """
    known = measured_set(set_name)
    table = read_table(path)
    added = predict_table(known, table, None if given is None else read_table(given))
    write_table(table, added, out)
    return added


def predict_table(known: MeasuredSet, table: Table, given: Table | None = None) -> tuple[Row, ...]:
    """The five added cells of each row of `table`."""
    predictor = known.shipped() if given is None else _given(known, given)
    parsed = known.parse(table)
    index = [i for i, config in enumerate(parsed.configs) if config is not None]
    answers = predictor.predict([parsed.configs[i] for i in index])
    cells = [_missing(reason) for reason in parsed.reasons]
    for k, i in enumerate(index):
        cells[i] = _cells(answers, k)
    return tuple(cells)


def _given(known: MeasuredSet, table: Table) -> Predictor:
    parsed = known.parse(table)
    rows = parsed.usable()
    if rows.size == 0:
        reasons = "; ".join(sorted({r for r in parsed.reasons if r})[:3])
        raise InputError("no given row can be used", where=table.where, got=reasons or "no joules")
    return known.shipped().given([parsed.configs[i] for i in rows], parsed.energy_j[rows])


def _missing(reason: str | None) -> Row:
    blank = {"predicted_j": "", "low_j": "", "high_j": "", "evidence": "unavailable"}
    return {**blank, "reason": reason or "the row could not be understood"}


def _cells(answers: Predictions, k: int) -> Row:
    triple = [float(x[k]) for x in (answers.energy_j, answers.low_j, answers.high_j)]
    if not all(map(math.isfinite, triple)):
        return _missing(answers.reasons[k])
    numbers = [np.format_float_scientific(x, 6, trim="-") for x in triple]
    names = ("predicted_j", "low_j", "high_j")
    cells = dict(zip(names, numbers, strict=True))
    return {**cells, "evidence": "calibrated", "reason": answers.reasons[k] or ""}
