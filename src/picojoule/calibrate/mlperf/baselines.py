"""Rival formulas on the same rows: plain roofline at the power limit, and a log-linear fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from picojoule.calibrate.measured_set import Floats
from picojoule.calibrate.mlperf.boards import CHIPS, Chip
from picojoule.calibrate.mlperf.edge import Edge
from picojoule.calibrate.mlperf.systems import System

__all__ = ["log_linear", "roofline"]

_UNKNOWN = Chip("", "", 100, 10, "nominal")


def roofline(configs: Sequence[Edge | System]) -> Floats:
    """MACs at peak rate and power limit, with no loss, no host and no launch."""
    return np.array([_roofline(c) for c in configs], float)


def _roofline(config: Edge | System) -> float:
    if isinstance(config, Edge):
        chip = next((one for one in CHIPS if one.name == config.chip), _UNKNOWN)
        rate = chip.gflop_s * 1e9 * (4 if config.precision == "int8" else 1)
        return chip.power_w * 2 * config.cnn.macs / rate
    one = config.accelerator
    return one.power_w * config.macs * 2 / config.op_s


def log_linear(
    train: Sequence[Edge | System], energy_j: Floats, test: Sequence[Edge | System]
) -> Floats:
    """Ridge regression of log joules on log MACs and weights; an offset a run or accelerator."""
    kinds = {name: i for i, name in enumerate(sorted({_kind(c) for c in train}))}
    known, asked = (_columns(some, kinds) for some in (train, test))
    centre = float(np.log(energy_j).mean())
    square = known.T @ known + 0.1 * np.eye(known.shape[1])
    slope = np.linalg.solve(square, known.T @ (np.log(energy_j) - centre))
    return np.asarray(np.exp(centre + asked @ slope), float)


def _kind(config: Edge | System) -> str:
    if isinstance(config, Edge):
        return config.site.keys[0]
    return f"{config.accelerator.name} {config.scenario}"


def _columns(configs: Sequence[Edge | System], kinds: dict[str, int]) -> Floats:
    table = np.zeros((len(configs), 6 + len(kinds)))
    for row, config in zip(table, configs, strict=True):
        if isinstance(config, Edge):
            row[:3] = 1.0, np.log(config.cnn.macs / 1e8), np.log(config.cnn.weights / 1e6)
        else:
            row[3:6] = 1.0, np.log(config.macs / 1e10), np.log(config.accelerators)
        place = kinds.get(_kind(config))
        if place is not None:
            row[6 + place] = 1.0
    return table
