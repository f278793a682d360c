"""The three questions that MLPerf's power rows can answer, scored apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.calibrate.few_shot import few_shot
from picojoule.calibrate.mlperf.edge import Edge
from picojoule.calibrate.mlperf.inference import SET
from picojoule.calibrate.scores import Scores, score
from picojoule.calibrate.validate import Validation

__all__ = ["by_regime", "new_boards"]


def by_regime(validation: Validation) -> dict[str, Scores]:
    """Scores of left-out groups, by what was new: a classifier family, or a system.

    Systems whose accelerator has no other system are on a line of their own: their prediction
    rests on a datasheet.
    """
    names = []
    for config, reason in zip(validation.configs, validation.predicted.reasons, strict=True):
        lone = isinstance(reason, str) and "accelerator" in reason
        names.append(SET.regime(config) + ", a new accelerator" * lone)  # type: ignore[arg-type]
    p = validation.predicted
    table = np.array([p.energy_j, validation.measured_j, p.low_j, p.high_j])
    regimes = np.array(names)
    return {str(name): score(*table[:, regimes == name]) for name in np.unique(regimes)}


def new_boards(folder: Path, chip: str, *, rows: int = 5, seeds: int = 20) -> dict[str, Scores]:
    """Scores of a chip that is left out but for a few rows, by the machine that holds it."""
    parsed = SET.parse(SET.find(folder))
    used = parsed.usable()
    configs = [parsed.configs[i] for i in used]
    machines = {c.machine for c in configs if isinstance(c, Edge) and c.chip == chip}
    wanted = {name: {name} for name in sorted(machines)} | {"all machines": machines}
    return {
        name: few_shot(
            SET,
            configs,
            parsed.energy_j[used],
            lambda c: isinstance(c, Edge) and c.chip == chip,
            asked=lambda c, inside=inside: c.machine in inside,  # type: ignore[misc]
            rows=rows,
            seeds=seeds,
        ).scores
        for name, inside in wanted.items()
    }
