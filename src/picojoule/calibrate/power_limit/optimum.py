"""Which power limit is best: least energy, or a stated balance of energy and time."""

from __future__ import annotations

import numpy as np

from picojoule.calibrate.measured_set import Floats

__all__ = ["best_limit", "zeus_cost"]


def zeus_cost(time_s: Floats, power_w: Floats, most_w: float, eta: float = 1.0) -> Floats:
    """η · energy + (1 − η) · MAXPOWER · time, in joules (Zeus, NSDI 2023, arXiv 2208.06102, eq. 2).

    time_s, power_w: of the same work at each limit. most_w: the GPU's highest limit. eta: 1
    counts energy alone, 0 counts time alone. Raises ValueError outside 0 to 1.
    """
    if not 0.0 <= eta <= 1.0:
        raise ValueError(f"eta is {eta}, expected 0 to 1")
    return eta * power_w * time_s + (1.0 - eta) * most_w * time_s


def best_limit(
    limit_w: Floats,
    time_s: Floats,
    power_w: Floats,
    *,
    most_w: float | None = None,
    eta: float = 1.0,
) -> float:
    """The limit in watts with the least `zeus_cost`; of equal ones the highest, which is fastest.

    limit_w, time_s, power_w: one entry a limit, measured or predicted. most_w: the highest limit
    of the GPU, by default the highest in `limit_w`. Raises ValueError for an empty or unknown
    curve (NaN).
    """
    if limit_w.size == 0 or not np.isfinite([limit_w, time_s, power_w]).all():
        raise ValueError("best_limit needs a time and a power for every limit")
    order = np.argsort(-limit_w)
    cost = zeus_cost(time_s, power_w, float(most_w or limit_w.max()), eta)[order]
    return float(limit_w[order][np.argmin(cost)])
