"""Joules an epoch under a limit: an uncapped run, measured or predicted, times the response."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from picojoule.calibrate.measured_set import Floats, Predictions
from picojoule.calibrate.power_limit.epoch import Epochs
from picojoule.calibrate.power_limit.response import Device, Response, ratios
from picojoule.errors import nearest

if TYPE_CHECKING:
    from picojoule.calibrate.power_limit.zeus import Job

__all__ = ["Curve", "Limits", "Uncapped", "devices_of", "most_of", "uncapped"]

_DEEP = 8.0  # chosen so that light and deep caps are covered alike


class Uncapped(msgspec.Struct, frozen=True):
    """A measured uncapped run of one job on one GPU."""

    key: tuple[str, str, str, int]
    time_s: float
    power_w: float


class Curve(msgspec.Struct, frozen=True):
    """Columns: seconds and mean watts an epoch, its time relative to the uncapped run, and
    whether that run was given."""

    time_s: Floats
    power_w: Floats
    slower: Floats
    given: NDArray[np.bool_]

    @property
    def spread(self) -> Floats:
        """How wide an interval is, relative to one without slowdown: a deep cap is less certain."""
        return 1.0 + _DEEP * np.log(np.maximum(self.slower, 1.0))


class Limits(msgspec.Struct, frozen=True):
    """law: shared response. devices: of each GPU. most_w: its highest limit. epochs: for jobs
    without a given uncapped run. band: log factors of 90% with a given run; bare: without.
    runs: given uncapped runs; empty as shipped.
    """

    law: Response
    devices: dict[str, Device]
    most_w: dict[str, float]
    epochs: Epochs
    band: tuple[float, float]
    bare: tuple[float, float]
    runs: tuple[Uncapped, ...] = ()

    def curve(self, configs: Sequence[Job]) -> Curve:
        """Seconds and mean watts of an epoch of each configuration."""
        only = {run.key[0] for run in self.runs}
        alone = next(iter(only)) if len(only) == 1 else ""
        gpus = [c.gpu or alone for c in configs]
        runs = {run.key: run for run in self.runs}
        mine = [runs.get((g, *c.key[1:])) for g, c in zip(gpus, configs, strict=True)]
        batch = np.array([c.batch for c in configs], float)
        time_s, power_w = self.epochs.predict(gpus, [c.job for c in configs], batch, self.devices)
        for i, run in enumerate(mine):
            if run is not None:
                time_s[i], power_w[i] = run.time_s, run.power_w
        none = Device(np.nan, np.nan)
        devices = [self.devices.get(g, none) for g in gpus]
        time, power = ratios(
            self.law,
            np.array([d.idle_w for d in devices]),
            np.array([d.high_w for d in devices]),
            power_w,
            np.array([self.most_w.get(g, np.nan) for g in gpus]),
            np.array([c.limit_w for c in configs]),
        )
        given = np.array([run is not None for run in mine], bool)
        return Curve(time_s * time, power_w * power, time, given)

    def predict(self, configs: Sequence[Job]) -> Predictions:
        """Joules an epoch."""
        if not configs:
            return Predictions(np.empty(0), np.empty(0), np.empty(0), ())
        curve = self.curve(configs)
        energy_j = curve.time_s * curve.power_w
        low, high = (
            np.where(curve.given, self.band[i] * curve.spread, self.bare[i]) for i in (0, 1)
        )
        reasons = tuple(
            None if given else self._why(config)
            for given, config in zip(curve.given, configs, strict=True)
        )
        return Predictions(energy_j, energy_j * np.exp(low), energy_j * np.exp(high), reasons)

    def _why(self, config: Job) -> str:
        if not config.gpu and len({run.key[0] for run in self.runs}) != 1:
            return "which GPU? name it in a gpu column, in the file's name, or by given rows of one"
        if config.job not in self.epochs.compute_s:
            hint = nearest(config.job, self.epochs.compute_s)
            return f"{config.job!r} was not measured; give its uncapped run ({hint})"
        if config.gpu and config.gpu not in self.devices:
            return f"{config.gpu} was not measured; give its uncapped runs"
        return "no uncapped run was given: seconds and watts are predicted too"

    def given(self, configs: Sequence[Job], energy_j: Floats) -> Limits:
        """With the uncapped runs among measured rows; they also show the GPU's idle and high."""
        runs = uncapped(configs)
        devices = {**self.devices, **devices_of(runs)}
        most_w = {**self.most_w, **most_of(configs)}
        known = {run.key: run for run in (*self.runs, *runs)}
        return msgspec.structs.replace(
            self, devices=devices, most_w=most_w, runs=tuple(known.values())
        )


def uncapped(configs: Sequence[Job]) -> tuple[Uncapped, ...]:
    """The measured uncapped runs; of two of one job the later."""
    rows = {c.key: c for c in configs if c.uncapped and np.isfinite(c.time_s * c.power_w)}
    return tuple(Uncapped(key, c.time_s, c.power_w) for key, c in rows.items())


def devices_of(runs: Sequence[Uncapped]) -> dict[str, Device]:
    """Idle and high watts: the 5% and 98% quantiles of the mean watts of a GPU's uncapped runs."""
    gpus = {run.key[0] for run in runs}
    watts = {g: np.array([r.power_w for r in runs if r.key[0] == g]) for g in sorted(gpus)}
    return {g: Device(*np.quantile(w, (0.05, 0.98)).tolist()) for g, w in watts.items()}


def most_of(configs: Sequence[Job]) -> dict[str, float]:
    """Highest limit of each GPU that has uncapped rows."""
    return {c.gpu: c.limit_w for c in configs if c.uncapped}
