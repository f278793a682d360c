"""All low: every server at a low clock all the time. No threshold, no priority."""

from __future__ import annotations

from dataclasses import dataclass

from picojoule.cluster.policies.base import Command, SetClock, Telemetry
from picojoule.cluster.response import Setting

__all__ = ["AllLow"]


@dataclass
class AllLow:
    """mhz: clock lock of every chip (POLCA's lowest, arXiv 2308.12908)."""

    mhz: float = 1110.0
    _sent: bool = False

    def act(self, telemetry: Telemetry) -> list[Command]:
        """The lock, once."""
        if self._sent:
            return []
        self._sent = True
        return [SetClock("low", Setting(mhz=self.mhz)), SetClock("high", Setting(mhz=self.mhz))]
