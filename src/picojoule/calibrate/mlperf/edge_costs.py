"""Unit costs of boards: of runs with rows, and of machines and runtimes that have few or none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from picojoule.calibrate.folds import folds
from picojoule.calibrate.measured_set import Floats
from picojoule.calibrate.mlperf.edge import PARTS, Edge, Site, parts
from picojoule.calibrate.mlperf.effects import Spread, fit

__all__ = ["Costs", "completed", "fitted", "log_j", "means", "with_few"]

Costs = dict[str, tuple[float, ...]]  # key of a Site -> log joules of each part

_ENOUGH = 10  # rows of a run from which its unit costs are its own
_NOISE = 0.05
_OWN = (Spread(1.5, 1.0),)
# How a board, a machine, its runtime and a run of it may differ from the mean of the others.
_NEW = (Spread(0.7, 0.7), Spread(0.7, 0.3), Spread(0.2, 0.3), Spread(0.1, 0.1))


def fitted(configs: Sequence[Edge], energy_j: Floats) -> tuple[Costs, Floats]:
    """Unit costs of runs with enough rows, and log residuals with a network's width left out."""
    work, left = parts(configs), np.full(len(configs), np.nan)
    costs: Costs = {}
    for rows, _ in folds([c.site.keys[0] for c in configs]):
        if len(rows) >= _ENOUGH:
            found = fit(work[rows], [("run",)] * len(rows), energy_j[rows], _OWN, _NOISE)
            run = configs[rows[0]].site.keys[0]
            costs[run] = _cost(found.effects.of([("run",)], len(PARTS))[0])
            left[rows] = found.left_out([configs[i].member for i in rows])
    return costs, left


def completed(costs: Costs, configs: Sequence[Edge], energy_j: Floats) -> Costs:
    """Costs of runs, of what they have in common, and of the runs with few rows."""
    answer = {**costs, **means(costs, configs)}
    answer = {**_crossed(answer, {c.chip for c in configs}), **answer}
    few = [i for i, c in enumerate(configs) if c.site.keys[0] not in costs]
    return with_few(answer, [configs[i] for i in few], energy_j[few])


def means(costs: Costs, configs: Sequence[Edge]) -> Costs:
    """Mean log unit costs of the runs that share a machine, a chip, a runtime, a precision."""
    members: dict[str, Costs] = {}
    for site in {c.site for c in configs}:
        run, *wider = site.keys
        for key in wider if run in costs else ():
            members.setdefault(key, {})[run] = costs[run]
    return {key: _cost(np.mean(list(runs.values()), axis=0)) for key, runs in members.items()}


def _crossed(costs: Costs, chips: set[str]) -> Costs:
    """Costs of a runtime on a chip where it has no row: its mean, shifted as other runtimes are."""
    answer: Costs = {}
    anywhere = [key.split(" ")[1:] for key in costs if key.startswith("any ")]
    for chip in sorted(chips):
        for backend, precision in anywhere:
            shifts = [
                np.subtract(costs[f"{chip} {other} {same}"], costs[f"any {other} {same}"])
                for other, same in anywhere
                if same == precision and f"{chip} {other} {same}" in costs
            ]
            if shifts and backend != "any":
                moved = np.add(costs[f"any {backend} {precision}"], np.mean(shifts, axis=0))
                answer[f"{chip} {backend} {precision}"] = _cost(moved)
    return answer


def _cost(row: Floats) -> tuple[float, ...]:
    return tuple(np.asarray(row, float).tolist())


def _nearest(costs: Costs, site: Site) -> tuple[float, ...]:
    missing = (float("nan"),) * len(PARTS)
    return next((costs[key] for key in site.keys if key in costs), missing)


def log_j(costs: Costs, configs: Sequence[Edge]) -> Floats:
    """Log joules by the costs of each row's nearest key, NaN where there is none."""
    table = np.array([_nearest(costs, c.site) for c in configs]).reshape(-1, len(PARTS))
    return np.asarray(np.log((parts(configs) * np.exp(table)).sum(1)), float)


def with_few(costs: Costs, configs: Sequence[Edge], energy_j: Floats) -> Costs:
    """Costs with those of these rows' runs and machines: the nearest known, shifted by the rows."""
    near = np.array([_nearest(costs, c.site) for c in configs]).reshape(-1, len(PARTS))
    good = np.flatnonzero(np.isfinite(near).all(1)).tolist()
    if not good:
        return costs
    sites = [configs[i].site for i in good]
    work = parts([configs[i] for i in good]) * np.exp(near[good])
    levels = [site.levels for site in sites]
    shifts = fit(work, levels, energy_j[good], _NEW, _NOISE, base=0.0).effects
    answer = dict(costs)
    for site in sorted({kin for one in sites for kin in _kin(costs, one)}):
        moved = np.array(_nearest(costs, site)) + shifts.of([site.levels], len(PARTS))[0]
        answer[site.keys[0 if site.run else 1 if site.machine else 2]] = _cost(moved)
    return answer


def _kin(costs: Costs, site: Site) -> Iterator[Site]:
    """The run, and any run of its machine and chip where these have no costs yet."""
    yield site
    known = {tuple(key.split(" ")[1:]) for key in costs if key.startswith("any ")}
    for backend, precision in known:
        runtime = site.backend if backend == "any" else backend
        for machine, place in ((site.machine, site.machine), ("", site.chip)):
            if f"{place} {runtime} {precision}" not in costs:
                yield Site("", machine, site.chip, runtime, precision)
