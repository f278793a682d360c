"""Per-request clocks: long prompts run at full clock, short prompts and decode steps below it.

A short prompt meets its deadline at a lower clock, and decode waits for memory rather than for the
clock (DynamoLLM, arXiv 2408.00741, sets clocks by request length). Set from the host, so in band.
"""

from __future__ import annotations

from dataclasses import dataclass

from picojoule.cluster.policies.base import Command, SetClock, Telemetry
from picojoule.cluster.response import Setting

__all__ = ["RequestClock"]


@dataclass
class RequestClock:
    """short_tokens: longest prompt that runs at short_mhz. decode_mhz: clock of decode steps."""

    short_tokens: int = 1024
    short_mhz: float = 1110.0
    decode_mhz: float = 1110.0
    _sent: bool = False

    def act(self, telemetry: Telemetry) -> list[Command]:
        """The clocks, once."""
        if self._sent:
            return []
        self._sent = True
        setting = Setting(
            decode_mhz=self.decode_mhz,
            short_mhz=self.short_mhz,
            short_tokens=int(self.short_tokens),
        )
        return [SetClock("low", setting, in_band=True), SetClock("high", setting, in_band=True)]
