"""How often a sensor's values move on: measured, since data sheets and drivers differ."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from itertools import pairwise

from picojoule.meter.base import Sensor

__all__ = ["update_period_s"]

_FEWEST = 3  # changes; the time to the first one is cut off


def update_period_s(
    sensor: Sensor, seconds: float = 1.0, clock: Callable[[], float] = time.monotonic
) -> dict[str, float | None]:
    """Median seconds between changes of each domain's value, from reads in a row.

    None where fewer than three changes were seen. Where every read differs from the last, it is
    the time that a read takes: the value moves on at least as often.
    """
    changes: dict[str, list[float]] = {domain.name: [] for domain in sensor.domains}
    last: dict[str, float] = {}
    deadline = clock() + seconds
    while clock() < deadline:
        for sample in sensor.read():
            if sample.value is None:
                continue
            if sample.value != last.setdefault(sample.domain, sample.value):
                changes[sample.domain].append(sample.time_s)
            last[sample.domain] = sample.value
    return {name: _median_gap(times) for name, times in changes.items()}


def _median_gap(times: list[float]) -> float | None:
    if len(times) < _FEWEST:
        return None
    return statistics.median(b - a for a, b in pairwise(times))
