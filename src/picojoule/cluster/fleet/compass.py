"""FedCompass: steps by speed, so that clients arrive together in groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from picojoule.cluster.fleet.clients import Client
from picojoule.cluster.fleet.policy import Answer, Start, steps_between
from picojoule.errors import InputError

__all__ = ["Compass"]

_ROUNDING = 1e-9  # of a step: 100 steps of 0.1 s fit into 10 s


@dataclass(slots=True, eq=False)
class _Group:
    """Clients that are to arrive at `expected_s`, and no later than `latest_s`."""

    expected_s: float
    latest_s: float
    awaited: set[int] = field(default_factory=set)
    arrived: list[int] = field(default_factory=list)

    @property
    def members(self) -> set[int]:
        return self.awaited | set(self.arrived)


class Compass:
    """Computing-power-aware scheduler (Li et al., ICLR 2024, arXiv 2309.14675, algorithm 1).

    A client joins the group that it can meet with the most local steps within least..most; else
    it opens a group, timed to meet a group that is under way in its next round. A group is merged
    when all have arrived, or `late` times after its planned duration; who comes later still is
    merged with the next group. Seconds a step are an average with this `momentum` of the newest.

    known: whether speeds are known at the start; else everybody first trains `most` steps, and
    is merged alone. most, least, late, momentum: Q_max, Q_min and λ of the paper, 0.9 in its
    released configuration.
    """

    def __init__(
        self,
        most: int = 100,
        least: int = 20,
        late: float = 1.5,
        momentum: float = 0.9,
        *,
        known: bool = True,
    ) -> None:
        steps_between(least, most)
        if not (1 <= late < math.inf and 0 <= momentum <= 1):
            raise InputError(
                "late or momentum is not possible",
                got=(late, momentum),
                expected="late >= 1 and momentum in 0..1",
            )
        self.most, self.least, self.late, self.momentum = most, least, late, momentum
        self.known = known

    @property
    def alarm_s(self) -> float:
        """The next latest arrival of a group in which someone waits."""
        return min((g.latest_s for g in self._open if g.arrived), default=math.inf)

    def begin(self, clients: Sequence[Client]) -> Answer:
        """The first groups if speeds are known, the fastest client first."""
        everybody = range(len(clients))
        self._open: list[_Group] = []
        self._group: dict[int, _Group] = {}
        self._late: list[int] = []
        self._pace_s = [client.step_s for client in clients]
        self._given = dict.fromkeys(everybody, (0.0, self.most))
        if self.known:
            return Answer(started=self._assign(everybody, 0.0))
        return Answer(started=tuple(Start(i, self.most) for i in everybody))

    def act(self, now_s: float, arrived: int | None) -> Answer:
        """Merge the group that is complete or late; a client that is too late goes on at once."""
        if arrived is None:
            return self._close(
                next(g for g in self._open if g.arrived and g.latest_s <= now_s), now_s
            )
        self._learn(arrived, now_s)
        group = self._group.get(arrived)
        if group is None:
            return Answer((arrived,), self._assign([arrived], now_s))
        group.awaited.remove(arrived)
        if group not in self._open or now_s > group.latest_s:
            self._late.append(arrived)
            self._open = [g for g in self._open if g.members]
            return Answer(started=self._assign([arrived], now_s))
        group.arrived.append(arrived)
        return Answer() if group.awaited else self._close(group, now_s)

    def _learn(self, client: int, now_s: float) -> None:
        started_s, steps = self._given[client]
        seen_s = (now_s - started_s) / steps
        first = not self.known and client not in self._group
        weight = 1.0 if first else self.momentum
        self._pace_s[client] += weight * (seen_s - self._pace_s[client])

    def _close(self, group: _Group, now_s: float) -> Answer:
        """Merge those who arrived with the late ones before; who is still awaited is late.

        Of two updates of one client, the newer one is merged.
        """
        self._open = [g for g in self._open if g is not group]
        merged, self._late = dict.fromkeys([*self._late, *group.arrived]), []
        return Answer(tuple(merged), self._assign(group.arrived, now_s))

    def _assign(self, clients: Sequence[int], now_s: float) -> tuple[Start, ...]:
        """New groups and steps, the fastest first: the slow then fit into its time."""
        order = sorted(clients, key=lambda client: self._pace_s[client])
        return tuple(Start(client, self._steps(client, now_s)) for client in order)

    def _steps(self, client: int, now_s: float) -> int:
        group, steps = self._join(client, now_s) or self._create(client, now_s)
        group.awaited.add(client)
        self._group[client] = group
        self._given[client] = (now_s, steps)
        return steps

    def _fit(self, client: int, duration_s: float) -> int:
        return math.floor(duration_s / self._pace_s[client] + _ROUNDING)

    def _join(self, client: int, now_s: float) -> tuple[_Group, int] | None:
        fits = [(self._fit(client, g.expected_s - now_s), g) for g in self._open]
        within = [(steps, g) for steps, g in fits if self.least <= steps <= self.most]
        if not within:
            return None
        steps, group = max(within, key=lambda pair: pair[0])
        return group, steps

    def _create(self, client: int, now_s: float) -> tuple[_Group, int]:
        """A group that ends when one under way would, after its next round of `most` steps."""
        meets = []
        for group in self._open:
            fastest_s = min(self._pace_s[member] for member in group.members)
            meets.append(self._fit(client, group.latest_s + fastest_s * self.most - now_s))
        steps = max((s for s in meets if 0 <= s <= self.most), default=self.most)
        steps = max(steps, self.least)
        duration_s = steps * self._pace_s[client]
        group = _Group(now_s + duration_s, now_s + duration_s * self.late)
        self._open.append(group)
        return group, steps
