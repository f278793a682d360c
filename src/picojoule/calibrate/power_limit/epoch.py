"""Seconds and watts of an uncapped epoch where this very job was not measured.

    seconds = compute(job) / speed(gpu) + launches(job) / batch / host(gpu)
    watts   = idle(gpu) + (high(gpu) − idle(gpu)) · busy,    busy = first term / seconds

The first term is the network's arithmetic over the epoch; the second the host's work for each of
its iterations.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from scipy.optimize import least_squares

from picojoule.calibrate.measured_set import Floats
from picojoule.calibrate.power_limit.response import Device

__all__ = ["Epochs", "fit_epochs"]


class Epochs(msgspec.Struct, frozen=True):
    """compute_s, launch_s: seconds an epoch of a job, on a GPU of speed and host 1."""

    compute_s: dict[str, float]
    launch_s: dict[str, float]
    speed: dict[str, float]
    host: dict[str, float]

    def predict(
        self, gpus: Sequence[str], jobs: Sequence[str], batch: Floats, devices: dict[str, Device]
    ) -> tuple[Floats, Floats]:
        """Seconds and mean watts, NaN for a GPU or a job without constants."""
        missing = Device(np.nan, np.nan)

        def of(table: dict[str, float], names: Sequence[str]) -> Floats:
            return np.array([table.get(name, np.nan) for name in names])

        busy_s = of(self.compute_s, jobs) / of(self.speed, gpus)
        seconds = busy_s + of(self.launch_s, jobs) / batch / of(self.host, gpus)
        idle_w = np.array([devices.get(g, missing).idle_w for g in gpus])
        high_w = np.array([devices.get(g, missing).high_w for g in gpus])
        return seconds, idle_w + (high_w - idle_w) * busy_s / seconds


def fit_epochs(
    gpus: Sequence[str],
    jobs: Sequence[str],
    batch: Floats,
    measured: tuple[Floats, Floats],
    devices: dict[str, Device],
) -> Epochs:
    """Fit to uncapped epochs: measured seconds and mean watts of each row."""
    chips, chip = np.unique(list(gpus), return_inverse=True)
    names, name = np.unique(list(jobs), return_inverse=True)
    rough = [np.median(np.log(measured[0][name == i])) for i in range(len(names))]
    sizes = [len(names), len(names), len(chips), len(chips)]
    start = np.concatenate([rough, np.add(rough, 2.0), np.zeros(2 * len(chips))])
    slack = np.concatenate([np.full(2 * len(names), 30.0), np.ones(2 * len(chips))])

    def build(x: Floats) -> Epochs:
        parts = np.split(np.exp(x), np.cumsum(sizes)[:-1])
        keys = (names, names, chips, chips)
        tables = (
            dict(zip(k.tolist(), v.tolist(), strict=True)) for k, v in zip(keys, parts, strict=True)
        )
        return Epochs(*tables)

    def residuals(x: Floats) -> Floats:
        compute, launch, speed, host = np.split(np.exp(x), np.cumsum(sizes)[:-1])
        busy_s = compute[name] / speed[chip]
        seconds = busy_s + launch[name] / batch / host[chip]
        watts = idle_w + (high_w - idle_w) * busy_s / seconds
        off = (np.log(seconds / measured[0]), np.log(watts / measured[1]))
        return np.concatenate([*off, 0.1 * (x - start) / slack])

    idle_w = np.array([devices[g].idle_w for g in gpus])
    high_w = np.array([devices[g].high_w for g in gpus])
    found = least_squares(residuals, start, loss="soft_l1", f_scale=0.2, max_nfev=60)
    return build(np.asarray(found.x, float))
