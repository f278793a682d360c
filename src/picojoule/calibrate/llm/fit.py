"""Fit the constants of `serving` to measured steps: robust, with priors, shared between GPUs.

Each constant has a prior and may differ between GPUs by a little (a hierarchical model): where one
GPU has few rows, the others speak for it. Residuals are logarithms of joules, seconds and watts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, least_squares

from picojoule.calibrate.llm.deployment import Facts, facts
from picojoule.calibrate.llm.fitted import HOLDS, SHARED, Fitted, Row, Task, holding
from picojoule.calibrate.llm.priors import (
    PIXEL_SD,
    PRIORS,
    PROMPT_SD,
    STALL,
    transformed,
    value,
)
from picojoule.calibrate.llm.serving import Constants, Steps, steps
from picojoule.calibrate.measured_set import Floats

__all__ = ["Problem", "fit_serving", "problem"]

_NOISE = 0.12  # log residual of one row that is as likely as one sd of a prior
_NOTHING = 1e-12  # megapixels of a task without images, as logs must be finite
_ROUNDS = 20
_KINDS = 4  # residuals of a row: joules, watts, seconds, seconds of decode


@dataclass(frozen=True, slots=True)
class Problem:
    """Rows as arrays, and the meaning of a vector of parameters x.

    x = constants, deviations of each GPU, prompt tokens, pixels, stalls; all transformed.
    """

    known: Facts
    gpu: NDArray[np.intp]
    task: NDArray[np.intp]
    gpus: tuple[str, ...]
    tasks: tuple[str, ...]
    start: Floats
    sd: Floats

    def steps(self, x: Floats) -> Steps:
        """The mean steps of all rows."""
        shared, own, prompt, image, frame, stall = self.parts(x)
        values = {name: value(name, shared[k] + own[k, self.gpu]) for k, name in enumerate(PRIORS)}
        stall_s = np.where(self.known.gpus == 1, np.exp(stall[self.gpu, self.task]), 0.0)
        told = holding(self.known, *(np.exp(part[self.task]) for part in (prompt, image, frame)))
        return steps(told, Constants(**values, stall_s=stall_s))

    def parts(self, x: Floats) -> tuple[Floats, ...]:
        """The parts of x, shaped."""
        n, g, t = len(PRIORS), len(self.gpus), len(self.tasks)
        ends = np.cumsum([n, n * g, t, t, t])
        shared, own, prompt, image, frame, stall = np.split(x, ends)
        return shared, own.reshape(n, g), prompt, image, frame, stall.reshape(g, t)

    def fitted(self, x: Floats) -> Fitted:
        """x by name."""
        shared, own, prompt, image, frame, stall = self.parts(x)
        constants = {
            name: {SHARED: float(value(name, shared[k]))}
            | {g: float(value(name, shared[k] + own[k, j])) for j, g in enumerate(self.gpus)}
            for k, name in enumerate(PRIORS)
        }
        return Fitted(
            constants,
            {g: {t: float(np.exp(stall[j, i])) for i, t in enumerate(self.tasks)}
             for j, g in enumerate(self.gpus)},
            {t: Task(*(float(np.exp(part[i])) for part in (prompt, image, frame)))
             for i, t in enumerate(self.tasks)},
        )  # fmt: skip


def problem(rows: Sequence[Row], tasks: Mapping[str, Task]) -> Problem:
    """The fit of these rows. tasks: priors of what requests hold."""
    gpus = tuple(sorted({row.deployment.gpu.name for row in rows}))
    names = tuple(tasks)
    g, t = len(gpus), len(names)
    asked = np.array([[getattr(tasks[k], name) for k in names] for name in HOLDS], float)
    priors = list(PRIORS.values())
    start = (
        np.array([transformed(name) for name in PRIORS]),
        np.zeros(len(priors) * g),
        np.log(np.maximum(asked, _NOTHING)).ravel(),
        np.full(g * t, np.log(STALL.value)),
    )
    sd = (
        np.array([p.sd for p in priors]),
        np.repeat([p.gpu_sd for p in priors], g),
        np.repeat([PROMPT_SD, PIXEL_SD, PIXEL_SD], t),
        np.full(g * t, STALL.sd),
    )
    return Problem(
        facts([row.deployment for row in rows]),
        np.array([gpus.index(row.deployment.gpu.name) for row in rows]),
        np.array([names.index(row.task) for row in rows]),
        gpus,
        names,
        np.concatenate(start),
        np.concatenate(sd),
    )


def fit_serving(
    rows: Sequence[Row], energy_j: Floats, tasks: Mapping[str, Task]
) -> tuple[Fitted, Floats]:
    """Constants of measured rows; log(measured / predicted) of each with its model left out.

    energy_j: per output token. tasks: priors of what requests hold. A model of n rows weighs as
    sqrt(n). The left-out residuals take one Gauss-Newton step from the fit of all rows, instead of
    a fit for each model.
    """
    p = problem(rows, tasks)
    groups = [row.model for row in rows]
    measured = np.array([energy_j, [r.time_s for r in rows], [r.decode_s for r in rows]])
    weight = _weights(groups)
    result = least_squares(
        lambda x: _residuals(p, measured, weight, x), p.start, loss="soft_l1", max_nfev=_ROUNDS,
        x_scale=p.sd,
    )  # fmt: skip
    left_out = np.empty(len(rows))
    for mine, x in _without_each(result, np.asarray(groups)):
        left_out[mine] = np.log(measured[0, mine] / p.steps(x).energy_j[mine])
    return p.fitted(result.x), left_out


def _weights(groups: Sequence[str]) -> Floats:
    _, index, size = np.unique(list(groups), return_inverse=True, return_counts=True)
    weight: Floats = np.asarray(size[index], float) ** -0.25
    normal: Floats = weight / np.sqrt(np.mean(weight**2))
    return normal


def _residuals(p: Problem, measured: Floats, weight: Floats, x: Floats) -> Floats:
    """Joules, watts, seconds and seconds of decode of every row in units of noise, then priors."""
    told = p.steps(x)
    energy_j, time_s, decode_s = measured
    pairs = [
        (1.0, told.energy_j, energy_j),
        (0.7, told.power_w, energy_j * p.known.batch / time_s),
        (0.7, told.time_s, time_s),
        (0.5, told.decode_s, decode_s),
    ]
    errors = [np.nan_to_num(k * weight * np.log(a / b)) / _NOISE for k, a, b in pairs]
    return np.concatenate([*errors, (x - p.start) / p.sd])


def _without_each(
    result: OptimizeResult, groups: NDArray[np.str_]
) -> Iterator[tuple[NDArray[np.intp], Floats]]:
    """Rows of each group, and about the parameters that a fit without them has.

    At the fit the gradient J'Wf is 0, so that of the other rows is -Jg'Wfg, and their step is
    (J'WJ - Jg'WJg)^-1 Jg'Wfg, W being the weights of the robust loss. scipy's J is scaled by
    (rho' + 2 rho'' f^2)^(1/2), which is undone first.
    """
    slope = (1.0 + result.fun**2) ** -0.5  # rho' of soft_l1
    scaled = np.sqrt(np.maximum(slope - result.fun**2 * slope**3, np.finfo(float).eps))
    jacobian = result.jac * (np.sqrt(slope) / scaled)[:, None]
    error = result.fun * np.sqrt(slope)
    whole = jacobian.T @ jacobian
    for name in np.unique(groups):
        mine = np.flatnonzero(groups == name)
        at = (mine + groups.size * np.arange(_KINDS)[:, None]).ravel()
        own = jacobian[at]
        yield mine, result.x + np.linalg.solve(whole - own.T @ own, own.T @ error[at])
