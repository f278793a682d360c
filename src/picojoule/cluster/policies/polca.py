"""POLCA: two thresholds, low priority first (arXiv 2308.12908, ASPLOS 2024).

    share > t1            low priority to low_mhz
    share > t2            low priority to lower_mhz; once that has acted, high priority to high_mhz
    share < t - hysteresis   undo that level

A level that has been asked for is given time to act before the next one is asked for. While the
row brakes the level stands.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from picojoule.cluster.policies.base import Command, Group, SetClock, Telemetry
from picojoule.cluster.response import FULL, Setting

__all__ = ["Polca"]


@dataclass
class Polca:
    """Thresholds as shares of the budget, clocks of an A100 in MHz. settle_s: how long an action
    takes to show: the actuation latency of the row."""

    t1: float = 0.80
    t2: float = 0.89
    hysteresis: float = 0.05
    low_mhz: float = 1275.0
    lower_mhz: float = 1110.0
    high_mhz: float = 1305.0
    settle_s: float = 40.0
    _level: int = 0
    _since_s: float = -math.inf
    _clock: dict[Group, float] = field(default_factory=lambda: {"low": math.inf, "high": math.inf})

    def act(self, telemetry: Telemetry) -> list[Command]:
        """The commands that bring the clocks to the level that the power asks for."""
        level = self._level if telemetry.braked else self._wanted(telemetry)
        if level != self._level:
            self._level, self._since_s = level, telemetry.time_s
        low = (math.inf, self.low_mhz, self.lower_mhz, self.lower_mhz)[level]
        return [
            *self._lock("low", low),
            *self._lock("high", self.high_mhz if level == 3 else math.inf),
        ]

    def _wanted(self, telemetry: Telemetry) -> int:
        """0: free, 1: above t1, 2: above t2, 3: above t2 though low priority is down already."""
        share, level = telemetry.share, self._level
        if share > self.t2:
            settled = telemetry.time_s >= self._since_s + self.settle_s
            return level if level == 3 else 3 if level == 2 and settled else 2
        if level >= 2 and share >= self.t2 - self.hysteresis:
            return level
        if share > self.t1 or (level >= 1 and share >= self.t1 - self.hysteresis):
            return 1
        return 0

    def _lock(self, group: Group, mhz: float) -> list[Command]:
        if self._clock[group] == mhz:
            return []
        self._clock[group] = mhz
        return [SetClock(group, FULL if math.isinf(mhz) else Setting(mhz=mhz))]
