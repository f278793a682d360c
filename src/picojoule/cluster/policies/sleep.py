"""Sleep and wake: as many servers awake as the load needs, with a margin."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from picojoule.cluster.policies.base import Command, Group, SetAwake, Telemetry

__all__ = ["Sleep"]


@dataclass
class Sleep:
    """per_server: requests in flight that one awake server should have. margin: servers awake
    beyond that, as a share. hold_s: how long a lower need must last before servers go to sleep."""

    per_server: float = 8.0
    margin: float = 0.25
    hold_s: float = 300.0
    _asked: dict[Group, int] = field(default_factory=dict)
    _low_since_s: dict[Group, float] = field(default_factory=dict)

    def act(self, telemetry: Telemetry) -> list[Command]:
        """More servers at once, fewer after hold_s of lower need."""
        commands: list[Command] = []
        groups: tuple[Group, Group] = ("low", "high")
        for i, group in enumerate(groups):
            servers = telemetry.servers[i]
            awake = self._asked.get(group, servers)
            need = math.ceil(telemetry.in_flight[i] / self.per_server * (1 + self.margin))
            need = min(max(need, 1), servers)
            if need >= awake:
                self._low_since_s[group] = telemetry.time_s
            held = telemetry.time_s - self._low_since_s.setdefault(group, telemetry.time_s)
            if servers and (need > awake or (need < awake and held >= self.hold_s)):
                self._asked[group] = need
                commands.append(SetAwake(group, need))
        return commands
