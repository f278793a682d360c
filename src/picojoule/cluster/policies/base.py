"""PowerPolicy: what watches a row's power and acts on it. One file per policy implements it.

Above the budget the row brakes by itself, whatever the policy: see Control.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from picojoule.cluster.response import Setting

__all__ = ["Command", "Group", "PowerPolicy", "SetAwake", "SetClock", "Telemetry"]

Group = Literal["low", "high"]


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What a policy sees every control period.

    time_s: now. row_w: the row's mean power over the last period, some seconds late. budget_w: of
    the row. in_flight, awake: requests and awake servers of each group, (low, high). servers: of
    each group. braked: whether the row's brake is on, or on its way: its power then says nothing
    about what the clocks would draw.
    """

    time_s: int
    row_w: float
    budget_w: float
    in_flight: tuple[int, int]
    awake: tuple[int, int]
    servers: tuple[int, int]
    braked: bool = False

    @property
    def share(self) -> float:
        """Power as a share of the budget."""
        return self.row_w / self.budget_w


@dataclass(frozen=True, slots=True)
class SetClock:
    """Limit the chips of a group, after actuation_s; in_band, from the host, after inband_s."""

    group: Group
    setting: Setting
    in_band: bool = False


@dataclass(frozen=True, slots=True)
class SetAwake:
    """Have this many servers of a group awake: the others get no requests, and sleep when empty.

    Fewer acts after inband_s, more after wake_s.
    """

    group: Group
    servers: int


Command = SetClock | SetAwake


class PowerPolicy(Protocol):
    """Acts on telemetry. May hold state; one object serves one simulation.

    Called once per control period, in order of time. A command stands until another of the same
    kind to the same group.
    """

    def act(self, telemetry: Telemetry) -> list[Command]:
        """The commands to send now; an empty list leaves everything as it is."""
        ...
