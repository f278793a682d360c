"""The same simulation event by event: slow and obvious, to check `simulate` against.

One clock for the whole row. At each event every replica is brought up to date by adding to each
request the tokens it made since the last event; power is summed second by second, and the policy is
called when its tick comes. There are no windows, no heaps, no progress counters and no restarts.
It shares with `simulate` the constants (`machine`), the layout (`Row`) and the policy's loop
(`Controller`), so it checks how events are ordered and added up, not those.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from picojoule.cluster.config import Cluster
from picojoule.cluster.control import Brake, Controller
from picojoule.cluster.machine import Machine
from picojoule.cluster.phases import PhaseTable
from picojoule.cluster.policies import PowerPolicy
from picojoule.cluster.requests import Requests, with_priorities
from picojoule.cluster.row import Row
from picojoule.ledger import Array

__all__ = ["Reference", "reference"]


@dataclass
class _Request:
    number: int
    arrival: float
    prompt: int
    output: int
    group: int
    ready: float
    prefilled: bool = False
    part: float = 0.0  # of the prefill that is done
    tokens: float = 0.0  # decoded so far
    first: float = math.nan
    done: float = math.nan

    @property
    def room(self) -> int:
        return self.prompt + self.output


@dataclass
class _Server:
    prefill_only: bool
    waiting: list[_Request] = field(default_factory=list)
    active: list[_Request] = field(default_factory=list)
    job: _Request | None = None

    def everyone(self) -> list[_Request]:
        return [*self.waiting, *self.active, *([self.job] if self.job else [])]


@dataclass(frozen=True)
class Reference:
    """rows: (number, arrival, first, done, prompt, output, group), by number. row_w: each second.

    energy_j: prefill, decode and idle. brakes, and (issued, acts, text) of all orders.
    """

    rows: Array
    row_w: Array
    energy_j: tuple[float, float, float]
    brakes: int
    orders: list[tuple[int, int, str]]


def reference(
    trace: Requests, cluster: Cluster, policy: PowerPolicy, table: PhaseTable, seed: int = 0
) -> Reference:
    """`simulate`, the obvious way. For a few replicas and a few hundred requests."""
    return _Clockwork(trace, cluster, policy, table, seed).run()


class _Clockwork:
    def __init__(
        self, trace: Requests, cluster: Cluster, policy: PowerPolicy, table: PhaseTable, seed: int
    ) -> None:
        self.row, self.table, self.cluster = Row(cluster, table), table, cluster
        self.servers = [_Server(r.prefill_only) for r in self.row.state.replicas]
        self.controller = Controller(
            cluster.control, policy, cluster.budget_w, self.row.servers,
            math.ceil(cluster.server.wake_s),
        )  # fmt: skip
        (trace,) = with_priorities([trace], cluster.low_priority_share, seed)
        self.coming = [
            _Request(i, a, int(p), int(o), int(g), a)
            for i, (a, p, o, g) in enumerate(zip(
                trace.arrival_s.tolist(), trace.prompt_tokens, trace.output_tokens, trace.priority,
                strict=True))
            if p + o <= table.kv_tokens
        ]  # fmt: skip
        self.moving: list[_Request] = []
        self.finished: list[_Request] = []
        self.turn: dict[tuple[int, bool], int] = {}
        self.energy = [0.0, 0.0, 0.0]
        self.second_j, self.now, self.row_w = 0.0, 0.0, list[float]()
        self.machines = self.row.machines()

    def run(self) -> Reference:
        self.hand_out()
        while self.busy or (self.now < len(self.row_w) + 1 and not self.whole):
            at = self.next_event()
            self.pass_time(at - self.now)
            self.now = at
            self.leave()
            if at == len(self.row_w) + 1:
                self.end_second()
            self.hand_out()
        rows = sorted(self.finished, key=lambda r: r.number)
        return Reference(
            np.array([(r.number, r.arrival, r.first, r.done, r.prompt, r.output, r.group)
                      for r in rows]),
            np.array(self.row_w), (self.energy[0], self.energy[1], self.energy[2]),
            self.controller.brakes,
            [(e.issued_s, e.acts_s, e.text) for e in self.controller.events],
        )  # fmt: skip

    @property
    def busy(self) -> bool:
        return bool(self.coming or self.moving or any(s.everyone() for s in self.servers))

    @property
    def whole(self) -> bool:
        """Whether the last second is over."""
        return self.now == len(self.row_w) and len(self.row_w) > 0

    def next_event(self) -> float:
        """The next second, arrival, end of a prefill or last token."""
        times = [len(self.row_w) + 1.0]
        times += [r.ready for r in [*self.coming[:1], *self.moving]]
        for server, m in zip(self.servers, self.machines, strict=True):
            times += [self.now + wait for wait in self.waits(server, m)]
        return min(times)

    def waits(self, s: _Server, m: Machine) -> list[float]:
        """Seconds to the end of the prefill, or else of each active request."""
        if s.job:
            return [(1 - s.job.part) * self.prefill(s.job, m)[0]]
        pace = self.pace(s, m)
        return [(r.output - 1 - r.tokens) * pace for r in s.active]

    def prefill(self, r: _Request, m: Machine) -> tuple[float, float]:
        if r.prefilled:
            return 0.0, 0.0
        seconds, joules = self.table.prefill(np.array([r.prompt]))
        return m.prefill_cost(float(seconds[0]), float(joules[0]), r.prompt)

    def context(self, s: _Server) -> float:
        return sum(r.prompt + r.output / 2 for r in s.active)

    def pace(self, s: _Server, m: Machine) -> float:
        return m.step_s[len(s.active)] + m.context_s * self.context(s)

    def pass_time(self, seconds: float) -> None:
        """Let every replica work for `seconds` without an event."""
        for s, m in zip(self.servers, self.machines, strict=True):
            if s.job:
                whole_s, whole_j = self.prefill(s.job, m)
                part = seconds / whole_s if whole_s else 0.0
                s.job.part += part
                kind, joules = 0, m.base_w * seconds + part * whole_j
            elif s.active:
                steps = seconds / self.pace(s, m)
                each = m.step_j[len(s.active)] + m.context_j * self.context(s)
                for r in s.active:
                    r.tokens += steps
                kind, joules = 1, (m.base_w + m.decode_w) * seconds + each * steps
            else:
                kind, joules = 2, m.idle_w * seconds
            self.energy[kind] += joules
            self.second_j += joules

    def leave(self) -> None:
        """Prefills that are over, then requests with their last token."""
        for s, m in zip(self.servers, self.machines, strict=True):
            if s.job:
                if (1 - s.job.part) * self.prefill(s.job, m)[0] < 1e-9:
                    self.prefilled(s, s.job)
                    s.job = None
            else:
                pace = self.pace(s, m)
                for r in [r for r in s.active if (r.output - 1 - r.tokens) * pace < 1e-9]:
                    s.active.remove(r)
                    r.done = self.now
                    self.finished.append(r)

    def prefilled(self, s: _Server, r: _Request) -> None:
        r.first = self.now if math.isnan(r.first) else r.first
        r.part = 0.0
        if r.output == 1:
            r.done = self.now
            self.finished.append(r)
        elif s.prefill_only:
            r.prefilled = True
            r.ready = self.now + r.prompt * self.table.kv_bytes / self.cluster.transfer_b_s
            self.moving.append(r)
        else:
            s.active.append(r)

    def end_second(self) -> None:
        """Power of the second, then the policy's tick, then orders that are due."""
        self.row_w.append(self.second_j)
        self.second_j = 0.0
        end = len(self.row_w)
        self.controller.watch(np.array(self.row_w[-1:]), end - 1, end, self.in_flight)
        for order in self.controller.due(end):
            if isinstance(order, Brake):
                self.row.brake(order.on)
            else:
                self.row.apply(order)
        self.machines = self.row.machines()

    def in_flight(self, times: Array) -> Array:
        here = [r for s in self.servers for r in s.everyone()] + self.moving
        counts = [sum(r.group == g for r in here) for g in (0, 1)]
        return np.array([counts] * len(times)).reshape(len(times), 2)

    def hand_out(self) -> None:
        """Requests that are ready go to a replica; a free replica starts its next prefill."""
        while self.coming and self.coming[0].ready <= self.now:
            self.give(self.coming.pop(0), moved=False)
        for r in sorted(self.moving, key=lambda r: (r.ready, r.number)):
            if r.ready <= self.now:
                self.moving.remove(r)
                self.give(r, moved=True)
        for s, m in zip(self.servers, self.machines, strict=True):
            used = sum(r.room for r in s.active)
            fits = s.waiting and used + s.waiting[0].room <= m.kv_tokens
            if not s.job and fits and len(s.active) < m.batch:
                s.job = s.waiting.pop(0)
                if s.job.prefilled:  # nothing left to prefill: it joins the batch at once
                    self.prefilled(s, s.job)
                    s.job = None
                    self.hand_out()

    def give(self, r: _Request, *, moved: bool) -> None:
        home = self.row.home[r.group]
        takers = self.row.takers(home, moved)
        turn = self.turn.get((home, moved), 0) % len(takers)
        self.servers[takers[turn]].waiting.append(r)
        self.turn[home, moved] = (turn + 1) % len(takers)
