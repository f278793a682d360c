"""Static cap: every chip capped or locked from the start, whatever the power."""

from __future__ import annotations

import math
from dataclasses import dataclass

from picojoule.cluster.policies.base import Command, SetClock, Telemetry
from picojoule.cluster.response import Setting

__all__ = ["StaticCap"]


@dataclass
class StaticCap:
    """cap_w: of each chip. mhz: clock lock of each chip."""

    cap_w: float = 325.0
    mhz: float = math.inf
    _sent: bool = False

    def act(self, telemetry: Telemetry) -> list[Command]:
        """The cap, once."""
        if self._sent:
            return []
        self._sent = True
        setting = Setting(mhz=self.mhz, cap_w=self.cap_w)
        return [SetClock("low", setting), SetClock("high", setting)]
