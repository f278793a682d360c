"""Energy label A to E, after the Hugging Face mining study (arXiv 2305.11164), and the eco-score.

    index = reference / value          (value / reference where more is better)
    rank  = how many quintile bounds of the index, over a set of models, it does not exceed
    label = the weighted mean of the ranks that are known, rounded

The released code takes the bounds of CO2 over sqrt(index) and compares the index itself with
them. Here a Scale holds its bounds and is the only thing that ranks by them.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from picojoule.errors import InputError, nearest

__all__ = ["WEIGHTS", "Scale", "eco_score", "label"]

LETTERS = "ABCDE"

WEIGHTS = {"co2": 0.35, "size_efficiency": 0.10, "data_efficiency": 0.10, "downloads": 0.25,
           "performance": 0.20}  # fmt: skip
"""Weights of the study's label code."""

_ECO_BOUNDS_KWH = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)


@dataclass(frozen=True, slots=True)
class Scale:
    """What ranks one metric: its reference, its direction, and the four ascending bounds."""

    reference: float
    more_is_better: bool
    bounds: tuple[float, float, float, float]

    @classmethod
    def of(cls, values: Sequence[float], reference: float, more_is_better: bool = False) -> Scale:
        """Quintiles of the index over `values`; values that are not known (NaN) don't count.

        Raises InputError for a value or reference that is not above 0, or fewer than 5 values.
        """
        known = [v for v in values if not math.isnan(v)]
        if len(known) < 5:
            raise InputError("too few values for quintiles", got=len(known), expected="5 or more")
        index = [_index(v, reference, more_is_better) for v in known]
        first, second, third, fourth = np.quantile(index, (0.2, 0.4, 0.6, 0.8)).tolist()
        return cls(reference, more_is_better, (first, second, third, fourth))

    def rank(self, value: float) -> int:
        """0 (best) to 4."""
        index = _index(value, self.reference, self.more_is_better)
        return len(self.bounds) - bisect_left(self.bounds, index)


def _index(value: float, reference: float, more_is_better: bool) -> float:
    for number in (value, reference):
        if not 0 < number < math.inf:
            fix = "leave out what is not known: a 0 would be the best or the worst of all"
            raise InputError("no index of this", got=f"{number:g}", expected="above 0", fix=fix)
    return value / reference if more_is_better else reference / value


def label(
    values: Mapping[str, float | None],
    scales: Mapping[str, Scale],
    weights: Mapping[str, float] = WEIGHTS,
) -> str | None:
    """A to E; None where no metric is known. A metric without a value gives its weight to the
    others; halves round to the worse letter.

    Raises InputError for a metric without a scale or weight.
    """
    ranks: dict[str, int] = {}
    for name, value in values.items():
        if name not in scales or name not in weights:
            raise InputError(
                f"no scale for {name!r}", fix=nearest(name, set(scales) & set(weights))
            )
        if value is not None:
            ranks[name] = scales[name].rank(value)
    weight = sum(weights[n] for n in ranks)
    if not weight:
        return None
    mean = sum(weights[n] * rank for n, rank in ranks.items()) / weight
    return LETTERS[math.floor(mean + 0.5)]


def eco_score(kwh: float) -> str:
    """A (below 1e-8 kWh a task) to G (1e-3 and more), a letter for each factor of ten: arXiv
    2501.14334. The paper's scale ends at 1e-2; what lies beyond is G too."""
    if not 0 <= kwh < math.inf:
        raise InputError("an energy can't be negative", got=f"{kwh:g} kWh")
    return "ABCDEFG"[sum(kwh >= bound for bound in _ECO_BOUNDS_KWH)]
