"""Shifts of systems, accelerators and networks from their datasheets, fitted to whole systems."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from picojoule.calibrate.interval import band
from picojoule.calibrate.measured_set import Floats, Predictions
from picojoule.calibrate.mlperf.catalog import ACCELERATORS
from picojoule.calibrate.mlperf.effects import Effects, Spread, fit
from picojoule.calibrate.mlperf.systems import LEVELS, System, levels, parts
from picojoule.errors import nearest

__all__ = ["SystemsModel", "fit_systems"]

# How far each level is taken to shift costs, before any row: log factors.
_SPREADS = {
    "family": Spread(0.7, 0.4),
    "accelerator": Spread(0.5, 0.3),
    "network": Spread(2.0, 0.3),
    "variant": Spread(0.5, 0.1),
    "network on family": Spread(0.4, 0.2),
    "network on accelerator": Spread(0.2, 0.1),
    "scenario": Spread(1.0, 1.0),
    "scenario of network": Spread(0.3, 0.2),
    "scenario on family": Spread(0.4, 0.4),
    "tuned": Spread(0.3, 0.3),
    "version": Spread(0.2, 0.1),
    "runtime": Spread(1.5, 0.5),
    "system": Spread(0.3, 0.3),
    "scenario on system": Spread(0.15, 0.1),
}
_NOISE = 0.1
_TOLD = ("accelerator", "network on accelerator", "system", "scenario on system")


class SystemsModel(msgspec.Struct, frozen=True):
    """effects: shifts by level. low, high: 90% of the left-out log errors, in the deviations
    that the levels a configuration does not share with any row let expect."""

    effects: Effects
    low: float
    high: float

    def predict(self, configs: Sequence[System]) -> Predictions:
        """Joules at the wall of a sample, query or token."""
        if not configs:
            return Predictions(np.empty(0), np.empty(0), np.empty(0), ())
        names = [levels(c) for c in configs]
        log_j = self.effects.log_j(parts(configs), names)
        log_j[[not self._knows(c) for c in configs]] = np.nan
        wide = _expected([[n not in self.effects.shifts for n in row] for row in names])
        return Predictions(
            np.exp(log_j),
            np.exp(log_j + self.low * wide),
            np.exp(log_j + self.high * wide),
            tuple(self._reason(c) for c in configs),
        )

    def given(self, configs: Sequence[System], energy_j: Floats) -> SystemsModel:
        """The same model with rows of a system or accelerator, which shift these alone."""
        names = [levels(c) for c in configs]
        known = self.effects.of(names, 2)
        told = [[row[LEVELS.index(level)] for level in _TOLD] for row in names]
        spreads = [_SPREADS[level] for level in _TOLD]
        more = fit(parts(configs) * np.exp(known), told, energy_j, spreads, _NOISE, base=0.0)
        shifts = dict(self.effects.shifts)
        for name, shift in more.effects.shifts.items():
            old = shifts.get(name, (0.0, 0.0))
            shifts[name] = (old[0] + shift[0], old[1] + shift[1])
        return msgspec.structs.replace(self, effects=Effects(self.effects.base, shifts))

    def _has_rows(self, config: System) -> bool:
        return levels(config)[LEVELS.index("accelerator")] in self.effects.shifts

    def _knows(self, config: System) -> bool:
        """Rows, or a datasheet."""
        return self._has_rows(config) or config.accelerator.family not in ("", "cpu")

    def _reason(self, config: System) -> str | None:
        if self._has_rows(config):
            return None
        name = config.accelerator.name
        if self._knows(config):
            return f"no row of accelerator {name}: its datasheet, and rows of its family if any"
        hint = nearest(name, [one.name.lower() for one in ACCELERATORS])
        return f"accelerator {name!r} is not known; {hint} or give a few measured rows"


def fit_systems(configs: Sequence[System], energy_j: Floats) -> SystemsModel:
    """Fit shifts to rows, with a band from systems that are left out."""
    names = [levels(c) for c in configs]
    found = fit(parts(configs), names, energy_j, [_SPREADS[level] for level in LEVELS], _NOISE)
    systems = [c.name for c in configs]
    off = found.left_out(systems) / _expected(_alone(names, systems))
    return SystemsModel(found.effects, *band(off, systems))


def _alone(names: Sequence[Sequence[str]], systems: Sequence[str]) -> list[list[bool]]:
    """Which levels of each row no other system has."""
    owners: dict[str, set[str]] = {}
    for row, system in zip(names, systems, strict=True):
        for name in row:
            owners.setdefault(name, set()).add(system)
    return [[len(owners[name]) == 1 for name in row] for row in names]


def _expected(missing: Sequence[Sequence[bool]]) -> Floats:
    """Standard deviation of the log joules, where some levels have no row."""
    each = np.array([_SPREADS[n].scale ** 2 + _SPREADS[n].part ** 2 / 2 for n in LEVELS])
    return np.asarray(np.sqrt(_NOISE**2 + np.array(missing, float) @ each), float)
