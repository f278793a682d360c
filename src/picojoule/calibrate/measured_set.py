"""The MeasuredSet protocol: one public set of measurements, its rows, its model and its error.

One folder or file per set implements it; `sets.py` lists them; one contract test holds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from picojoule.calibrate.table import Table

__all__ = ["Floats", "MeasuredSet", "Parsed", "Predictions", "Predictor"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Parsed:
    """The rows of a table, understood.

    configs: one a row, None where the row is refused. reasons: why, None where it is not.
    energy_j: measured joules per unit of the set, NaN where the row has none.
    """

    configs: tuple[Any, ...]
    reasons: tuple[str | None, ...]
    energy_j: Floats

    def usable(self) -> NDArray[np.intp]:
        """Indices of the rows that are understood and measured."""
        known = np.array([config is not None for config in self.configs], bool)
        return np.flatnonzero(known & np.isfinite(self.energy_j))


@dataclass(frozen=True, slots=True)
class Predictions:
    """Joules per unit of the set with a 90% interval, one a configuration.

    NaN where there is no prediction; then `reasons` says why. A reason beside a number is a
    warning: a chip without rows of its own, a value outside the range that was fitted.
    """

    energy_j: Floats
    low_j: Floats
    high_j: Floats
    reasons: tuple[str | None, ...]


class Predictor(Protocol):
    """A fitted model of one set. A msgspec Struct or frozen dataclass of named constants."""

    def predict(self, configs: Sequence[Any]) -> Predictions:
        """Predict each configuration, in order. Never raises for a single bad row."""
        ...

    def given(self, configs: Sequence[Any], energy_j: Floats) -> Predictor:
        """The same model, calibrated further on a few measured rows (a new board, a new GPU)."""
        ...


class MeasuredSet(Protocol):
    """A public set of measurements."""

    name: str  # as in `pj predict --set`
    unit: str  # "J per output token"
    source: str  # citation and licence of the measurements
    measured: tuple[str, ...]  # columns that hold measurements and may be absent when predicting

    def find(self, folder: Path) -> Table:
        """The set's table in a folder of public files (any layout that is published)."""
        ...

    def parse(self, table: Table) -> Parsed:
        """Understand rows: units, magnitudes, duplicates. Refuses rows with a reason."""
        ...

    def group(self, config: Any) -> str:
        """The group that is left out together when the error is measured (a model, a system)."""
        ...

    def part(self, config: Any) -> str:
        """What errors are told apart by: a GPU, a board, a kind of system."""
        ...

    def fit(self, configs: Sequence[Any], energy_j: Floats) -> Predictor:
        """Fit the constants, with intervals from groups left out inside these rows."""
        ...

    def shipped(self) -> Predictor:
        """The predictor whose constants come with picojoule."""
        ...

    def baselines(
        self, train: Sequence[Any], energy_j: Floats, test: Sequence[Any]
    ) -> dict[str, Floats]:
        """Joules by rival formulas for the configurations `test`, fitted on `train` if they fit."""
        ...
