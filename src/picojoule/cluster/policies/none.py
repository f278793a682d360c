"""No policy: only the row's own brake holds power below the budget."""

from __future__ import annotations

from dataclasses import dataclass

from picojoule.cluster.policies.base import Command, Telemetry

__all__ = ["NoPolicy"]


@dataclass
class NoPolicy:
    """Does nothing."""

    def act(self, telemetry: Telemetry) -> list[Command]:
        """No command, ever."""
        return []
