"""A fitted serving model as the Predictor of a measured set."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from picojoule.calibrate.interval import band
from picojoule.calibrate.llm.fit import fit_serving
from picojoule.calibrate.llm.fitted import SHARED, Fitted, Row, Task
from picojoule.calibrate.measured_set import Floats, Predictions

__all__ = ["ServingPredictor", "fit_predictor"]

_ALONE = 2.0  # given rows of a model that count as much as the fit
_UNSEEN = 1.5  # an interval's log widths on a GPU without rows of its own
_ENOUGH = 10  # models on a GPU, from which on it has an interval of its own


class ServingPredictor(msgspec.Struct, frozen=True):
    """per_request: joules of a whole request, not of an output token.

    band: GPU or "shared" -> log factors of the 90% interval. offsets: model -> log factor from
    given rows.
    """

    fitted: Fitted
    per_request: bool
    band: dict[str, tuple[float, float]]
    offsets: dict[str, float] = {}

    def predict(self, configs: Sequence[Row]) -> Predictions:
        """Joules of each row, in order."""
        if not configs:
            empty = np.empty(0)
            return Predictions(empty, empty, empty, ())
        per_token_j = self.fitted.steps(configs).energy_j
        offset = np.array([self.offsets.get(row.model, 0.0) for row in configs])
        energy_j = per_token_j * _unit(configs, self.per_request) * np.exp(offset)
        low, high = np.array([self._ends(row) for row in configs]).T
        return Predictions(
            energy_j,
            energy_j * np.exp(low),
            energy_j * np.exp(high),
            tuple(self._reason(row) for row in configs),
        )

    def given(self, configs: Sequence[Row], energy_j: Floats) -> ServingPredictor:
        """Lean each model that has measured rows towards them: its other batches follow."""
        off = np.log(energy_j / self.predict(configs).energy_j)
        offsets = dict(self.offsets)
        for name in sorted({row.model for row in configs}):
            mine = off[[row.model == name for row in configs]]
            lean = float(np.median(mine)) * mine.size / (mine.size + _ALONE)
            offsets[name] = offsets.get(name, 0.0) + lean
        return msgspec.structs.replace(self, offsets=offsets)

    def _ends(self, row: Row) -> tuple[float, float]:
        low, high = self.band.get(row.deployment.gpu.name, self.band[SHARED])
        wide = 1.0 if self._measured(row) else _UNSEEN
        return wide * low, wide * high

    def _measured(self, row: Row) -> bool:
        return row.deployment.gpu.name in self.fitted.stall_s

    def _reason(self, row: Row) -> str | None:
        unseen = None if self._measured(row) else (
            f"no {row.deployment.gpu.name} was measured: its datasheet, and what others share"
        )  # fmt: skip
        return "; ".join(text for text in (row.note, unseen) if text) or None


def fit_predictor(
    configs: Sequence[Row], energy_j: Floats, tasks: dict[str, Task], *, per_request: bool
) -> ServingPredictor:
    """Fit to measured joules, with the interval of models that were left out."""
    fitted, left_out = fit_serving(configs, energy_j / _unit(configs, per_request), tasks)
    return ServingPredictor(fitted, per_request, _bands(configs, left_out))


def _bands(configs: Sequence[Row], left_out: Floats) -> dict[str, tuple[float, float]]:
    """Intervals that hold the prediction, of all rows and of each GPU with enough models."""
    gpus = np.array([row.deployment.gpu.name for row in configs])
    parts = {SHARED: np.full(gpus.size, True), **{str(g): gpus == g for g in np.unique(gpus)}}
    found = {}
    for name, mine in parts.items():
        models = [row.model for row, inside in zip(configs, mine, strict=True) if inside]
        if name == SHARED or len(set(models)) >= _ENOUGH:
            low, high = band(left_out[mine], models)
            found[name] = (min(low, 0.0), max(high, 0.0))
    return found


def _unit(configs: Sequence[Row], per_request: bool) -> Floats:
    """Output tokens in the unit of the set."""
    if not per_request:
        return np.ones(len(configs))
    return np.array([row.deployment.output_tokens for row in configs])
