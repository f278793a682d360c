"""The loop around a policy: sampled and delayed telemetry, latencies of actuation, the brake."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from picojoule.cluster.config import Control
from picojoule.cluster.policies.base import Command, PowerPolicy, SetAwake, Telemetry
from picojoule.cluster.response import Setting
from picojoule.ledger import Array

__all__ = ["Brake", "Controller", "Event", "InFlight", "Order"]


@dataclass(frozen=True, slots=True)
class Brake:
    """The row's own command: all chips almost to a halt, or back."""

    on: bool


Order = Command | Brake

InFlight = Callable[[Array], Array]
"""Times to [time, (low, high)]: requests in the row."""


@dataclass(frozen=True, slots=True)
class Event:
    """An order: when it was given, when it acts, and what it does."""

    issued_s: int
    acts_s: int
    order: Order

    @property
    def group(self) -> str:
        """The group it is for."""
        return "all" if isinstance(self.order, Brake) else self.order.group

    @property
    def text(self) -> str:
        """'clock 1275 MHz', 'free', '5 awake', 'brake', 'release'."""
        match self.order:
            case Brake(on):
                return "brake" if on else "release"
            case SetAwake(_, servers):
                return f"{servers} awake"
            case order:
                return _setting_text(order.setting)


def _setting_text(s: Setting) -> str:
    parts = [f"clock {s.mhz:g} MHz"] if s.mhz < math.inf else []
    parts += [f"decode at {s.decode_mhz:g} MHz"] if s.decode_mhz < math.inf else []
    if s.short_mhz < math.inf:
        parts.append(f"prompts up to {s.short_tokens} at {s.short_mhz:g} MHz")
    parts += [f"cap {s.cap_w:g} W"] if s.cap_w < math.inf else []
    return ", ".join(parts) or "free"


@dataclass
class Controller:
    """Turns power into orders. servers: of each group. wake_s: from asleep to serving.

    pending: orders given and not yet in effect. events: all orders. brakes: how often it braked.
    """

    control: Control
    policy: PowerPolicy
    budget_w: float
    servers: tuple[int, ...]
    wake_s: int
    awake: list[int] = field(default_factory=list)
    pending: list[Event] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    brakes: int = 0
    _braking: bool = False
    _settled_s: float = -math.inf
    _tail: Array = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        self.awake = list(self.servers)

    def next_act_s(self) -> float:
        """When the next order takes effect; infinity without any."""
        return min((e.acts_s for e in self.pending), default=math.inf)

    def due(self, now: int) -> list[Order]:
        """The orders that take effect now, in the order they were given."""
        ready = [e.order for e in self.pending if e.acts_s == now]
        self.pending = [e for e in self.pending if e.acts_s != now]
        for order in ready:
            if isinstance(order, SetAwake):
                group = 0 if order.group == "low" else 1
                self.awake[group] = min(max(order.servers, 1), self.servers[group])
        return ready

    def watch(self, row_w: Array, start: int, end: int, in_flight: InFlight) -> int:
        """Tick through (start, end], where row_w is the power of each second.

        Returns the end up to which that power stands: the first effect of an order given in it.
        """
        c = self.control
        back = len(self._tail)
        sums = np.concatenate([[0.0], np.cumsum(np.concatenate([self._tail, row_w]))])
        ticks = np.arange((start // c.period_s + 1) * c.period_s, end + 1, c.period_s)
        late = ticks - c.delay_s - start + back  # of the sensor's last second, in sums
        ticks, late = ticks[late >= c.period_s], late[late >= c.period_s]
        watts = (sums[late] - sums[late - c.period_s]) / c.period_s
        loads = in_flight(ticks).tolist()
        for now, row, load in zip(ticks.tolist(), watts.tolist(), loads, strict=True):
            if now > end:
                break
            self._tick(now, row, (load[0], load[1]))
            end = int(min(end, self.next_act_s())) if self.pending else end
        keep = c.delay_s + c.period_s
        self._tail = np.concatenate([self._tail, row_w[: end - start]])[-keep:]
        return end

    def _tick(self, now: int, row_w: float, in_flight: tuple[int, int]) -> None:
        c, share = self.control, row_w / self.budget_w
        if not self._braking and share > 1:
            self._braking, self.brakes = True, self.brakes + 1
            self._settled_s = now + c.brake_s
            self._give(now, c.brake_s, Brake(True))
        elif self._braking and now >= self._settled_s and share < c.brake_release:
            self._braking = False
            self._settled_s = now + c.brake_s + c.delay_s + c.period_s  # until sensors show it
            self._give(now, c.brake_s, Brake(False))
        seen = Telemetry(
            now, row_w, self.budget_w, in_flight, (self.awake[0], self.awake[1]),
            (self.servers[0], self.servers[1]), self._braking or now < self._settled_s,
        )  # fmt: skip
        for command in self.policy.act(seen):
            self._give(now, self._latency_s(command), command)

    def _latency_s(self, command: Command) -> int:
        c = self.control
        if isinstance(command, SetAwake):
            more = command.servers > self.awake[0 if command.group == "low" else 1]
            return self.wake_s if more else c.inband_s
        return c.inband_s if command.in_band else c.actuation_s

    def _give(self, now: int, latency_s: int, order: Order) -> None:
        event = Event(now, now + latency_s, order)
        self.pending.append(event)
        self.events.append(event)
