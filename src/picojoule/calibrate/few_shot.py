"""A new board from a few measurements: the error, drawn again and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from picojoule.calibrate.measured_set import Floats, MeasuredSet
from picojoule.calibrate.scores import Scores, score

__all__ = ["FewShot", "few_shot"]


@dataclass(frozen=True, slots=True)
class FewShot:
    """given: rows a draw. scores: over the other rows of all draws. draws: of each draw."""

    given: int
    scores: Scores
    draws: tuple[Scores, ...]


def few_shot(
    known: MeasuredSet,
    configs: Sequence[Any],
    energy_j: Floats,
    left_out: Callable[[Any], bool],
    *,
    asked: Callable[[Any], bool] | None = None,
    rows: int = 5,
    seeds: int = 20,
) -> FewShot:
    """Fit without some rows, give a few of them, predict the others; `seeds` times.

    left_out: true for every row of the board, which the fit must not see. asked: the rows that
    are drawn from and predicted, where the board was measured in two places; all by default.
    Raises ValueError where fewer than rows + 1 are asked.
    """
    here = [i for i, c in enumerate(configs) if left_out(c) and (asked is None or asked(c))]
    if len(here) <= rows:
        raise ValueError(f"{len(here)} rows are too few to give {rows} and predict the others")
    kept = [i for i, config in enumerate(configs) if not left_out(config)]
    model = known.fit([configs[i] for i in kept], energy_j[kept])
    columns = []
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(here).tolist()
        few, rest = order[:rows], order[rows:]
        answer = model.given([configs[i] for i in few], energy_j[few]).predict(
            [configs[i] for i in rest]
        )
        columns.append((answer.energy_j, energy_j[rest], answer.low_j, answer.high_j))
    together = [np.concatenate(column) for column in zip(*columns, strict=True)]
    return FewShot(rows, score(*together), tuple(score(*draw) for draw in columns))
