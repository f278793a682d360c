"""One threshold: POLCA's baselines. Above it one lock, for low priority only or for all."""

from __future__ import annotations

from dataclasses import dataclass

from picojoule.cluster.policies.base import Command, Group, SetClock, Telemetry
from picojoule.cluster.response import FULL, Setting

__all__ = ["OneThreshold", "OneThresholdLow"]


@dataclass
class OneThreshold:
    """Above `threshold` of the budget the groups go to `mhz`, until it is `hysteresis` below."""

    threshold: float = 0.89
    hysteresis: float = 0.05
    mhz: float = 1110.0
    _down: bool = False

    @property
    def groups(self) -> tuple[Group, ...]:
        """Whose clocks are locked: all, whatever the priority."""
        return ("low", "high")

    def act(self, telemetry: Telemetry) -> list[Command]:
        """Lock, or unlock, when power crosses the threshold."""
        edge = self.threshold - (self.hysteresis if self._down else 0.0)
        down = telemetry.share > edge if not self._down else telemetry.share >= edge
        if down == self._down or telemetry.braked:
            return []
        self._down = down
        setting = Setting(mhz=self.mhz) if down else FULL
        return [SetClock(group, setting) for group in self.groups]


@dataclass
class OneThresholdLow(OneThreshold):
    """The same for low priority only."""

    @property
    def groups(self) -> tuple[Group, ...]:
        """Whose clocks are locked."""
        return ("low",)
