"""Fit the response to capped rows, and epochs to uncapped ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from scipy.optimize import least_squares

from picojoule.calibrate.folds import folds
from picojoule.calibrate.interval import band
from picojoule.calibrate.measured_set import Floats
from picojoule.calibrate.power_limit.epoch import Epochs, fit_epochs
from picojoule.calibrate.power_limit.predictor import (
    Limits,
    Uncapped,
    devices_of,
    most_of,
    uncapped,
)
from picojoule.calibrate.power_limit.response import Device, Response, ratios

if TYPE_CHECKING:
    from picojoule.calibrate.power_limit.zeus import Job

__all__ = ["fit_limits"]

# Prior of (static, bend, floor, memory, held, log margin): logits, and how well they are known.
_PRIOR = np.array([-1.5, 0.0, -0.6, 0.0, -1.2, np.log(1.07)])
_SPREAD = np.array([1.0, 1.0, 0.3, 1.0, 0.5, 0.05])


def fit_limits(configs: Sequence[Job], energy_j: Floats) -> Limits:
    """Fit the response to capped rows whose uncapped run was measured, and epochs to the latter.

    Needs seconds and watts of the rows. The intervals come from GPUs (for the response) and from
    a GPU's jobs (for epochs) left out; a GPU's rows of one network are one group.
    """
    runs = uncapped(configs)
    base = Limits(
        _law(_PRIOR), devices_of(runs), most_of(configs), _epochs(runs, devices_of(runs)),
        (0.0, 0.0), (0.0, 0.0), runs,
    )  # fmt: skip
    keys = {run.key for run in runs}
    capped = [i for i, c in enumerate(configs) if not c.uncapped and c.key in keys]
    rows, joules = [configs[i] for i in capped], energy_j[capped]
    law = _fit_law(base, rows, joules)
    answer = msgspec.structs.replace(base, law=law)
    off = _left_out(answer, rows, joules)
    groups = [f"{c.gpu} {c.job}" for c in rows]
    return msgspec.structs.replace(
        answer, band=band(off, groups), bare=_bare(answer, rows, joules), runs=()
    )


def _law(x: Floats) -> Response:
    static, bend, floor, memory, held = (1.0 / (1.0 + np.exp(-x[:5]))).tolist()
    return Response(static, bend, floor, memory, held, float(np.exp(x[5])))


def _fit_law(base: Limits, rows: Sequence[Job], energy_j: Floats) -> Response:
    """Every GPU weighs the same."""
    _, gpu = np.unique([c.gpu for c in rows], return_inverse=True)
    weight = np.sqrt(200.0 / np.bincount(gpu)[gpu])
    time_s = np.array([c.time_s for c in rows])
    inputs = _inputs(base, rows)
    start_s, start_w = inputs[0], inputs[1]

    def residuals(x: Floats) -> Floats:
        time, power = ratios(_law(x), *inputs[2:])
        joules = weight * np.log(start_s * time * start_w * power / energy_j)
        seconds = 0.5 * weight * np.log(start_s * time / time_s)
        return np.concatenate([joules, seconds, 0.3 * (x - _PRIOR) / _SPREAD])

    return _law(np.asarray(least_squares(residuals, _PRIOR, loss="soft_l1", f_scale=0.05).x))


def _inputs(base: Limits, rows: Sequence[Job]) -> list[Floats]:
    runs = {run.key: run for run in base.runs}
    mine, devices = [runs[c.key] for c in rows], [base.devices[c.gpu] for c in rows]
    power_w = np.array([r.power_w for r in mine])
    return [
        np.array([r.time_s for r in mine]),
        power_w,
        np.array([d.idle_w for d in devices]),
        np.array([d.high_w for d in devices]),
        power_w,
        np.array([base.most_w[c.gpu] for c in rows]),
        np.array([c.limit_w for c in rows]),
    ]


def _left_out(base: Limits, rows: Sequence[Job], energy_j: Floats) -> Floats:
    """log(measured / predicted) over the spread of each capped row, by a law fitted without its
    GPU (without its job where there is one GPU)."""
    names = [c.gpu for c in rows]
    if len(set(names)) < 2:
        names = [c.job for c in rows]
    answer = np.empty(energy_j.size)
    for inside, outside in folds(names):
        law = _fit_law(base, [rows[i] for i in outside], energy_j[outside])
        curve = msgspec.structs.replace(base, law=law).curve([rows[i] for i in inside])
        off = np.log(energy_j[inside] / (curve.time_s * curve.power_w))
        answer[inside] = off / curve.spread
    return answer


def _bare(known: Limits, rows: Sequence[Job], energy_j: Floats) -> tuple[float, float]:
    """The interval where no uncapped run is given: epochs of one GPU's job left out at a time."""
    groups = [f"{c.gpu} {c.job}" for c in rows]
    off = np.empty(energy_j.size)
    for inside, _ in folds(groups):
        name = groups[inside[0]]
        runs = tuple(r for r in known.runs if f"{r.key[0]} {r.key[1]}" != name)
        epochs = _epochs(runs, known.devices)
        bare = msgspec.structs.replace(known, epochs=epochs, runs=())
        off[inside] = np.log(energy_j[inside] / bare.predict([rows[i] for i in inside]).energy_j)
    fine = np.isfinite(off)
    return band(off[fine], [g for g, f in zip(groups, fine, strict=True) if f])


def _epochs(runs: Sequence[Uncapped], devices: dict[str, Device]) -> Epochs:
    keys = [run.key for run in runs]
    return fit_epochs(
        [k[0] for k in keys],
        [k[1] for k in keys],
        np.array([k[3] for k in keys], float),
        (np.array([r.time_s for r in runs]), np.array([r.power_w for r in runs])),
        devices,
    )
