"""Row: replicas in servers in racks, their groups and settings, and how requests reach them.

A group is the servers of one priority. Requests go to the awake replicas of their group in turn.
Where a share of the replicas only prefills (as Splitwise, ISCA 2024), the others get a request when
its KV cache has come over, and decode it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from picojoule.cluster.config import Cluster
from picojoule.cluster.machine import Machine, machine
from picojoule.cluster.phases import PhaseTable
from picojoule.cluster.policies.base import Command, SetClock
from picojoule.cluster.replica import Done, Item, Knots, Replica, run
from picojoule.cluster.response import FULL, Setting
from picojoule.ledger import Array

__all__ = ["GROUPS", "Row", "State", "low_servers"]

GROUPS = ("low", "high")


def low_servers(cluster: Cluster) -> Array:
    """Which servers are of low priority: spread evenly over the row."""
    edges = np.floor(np.arange(cluster.servers + 1) * cluster.low_priority_share + 1e-9)
    return np.asarray(np.diff(edges) > 0)


@dataclass
class State:
    """What changes while the row serves. turn: whose turn it is, by (group, moved).

    moving: requests whose KV cache is on its way to a replica that decodes.
    """

    replicas: list[Replica]
    turn: dict[tuple[int, bool], int] = field(default_factory=dict)
    moving: list[Item] = field(default_factory=list)

    def saved(self) -> State:
        """The same, to come back to."""
        return State([r.saved() for r in self.replicas], dict(self.turn), list(self.moving))


class Row:
    """The row of a cluster. Settings change only between windows."""

    def __init__(self, cluster: Cluster, table: PhaseTable) -> None:
        self.cluster, self.table = cluster, table
        server = np.arange(cluster.servers * cluster.replicas) // cluster.replicas
        group = np.where(low_servers(cluster)[server], 0, 1)
        self.members = [np.flatnonzero(group == g).tolist() for g in (0, 1)]
        self.servers = tuple(len(m) // cluster.replicas for m in self.members)
        self.awake = list(self.servers)
        self.settings = [FULL, FULL]
        self._braked = False
        self.home = [g if self.members[g] else 1 - g for g in (0, 1)]
        self.prefill_only = {r for members in self.members for r in self._prefill_only(members)}
        self.state = State([Replica(r in self.prefill_only) for r in range(len(group))])
        self._kinds: dict[tuple[Setting, bool, bool], Machine] = {}
        self._machines: list[Machine] = []  # of now; emptied when a setting changes

    def _prefill_only(self, members: list[int]) -> list[int]:
        """The first ones of a group, where its replicas are split; both kinds have at least one."""
        if not self.cluster.prefill_share or len(members) < 2:
            return []
        count = round(self.cluster.prefill_share * len(members))
        return members[: min(max(count, 1), len(members) - 1)]

    @property
    def idle(self) -> bool:
        """Whether no request is in the row."""
        return not self.state.moving and not any(r.load for r in self.state.replicas)

    def brake(self, on: bool) -> None:
        """Hold all clocks almost at a halt from now on, or let them go."""
        self._braked, self._machines = on, []

    def apply(self, command: Command) -> None:
        """Make a command's effect true from now on."""
        self._machines = []
        group = GROUPS.index(command.group)
        if isinstance(command, SetClock):
            self.settings[group] = command.setting
        else:
            self.awake[group] = min(max(command.servers, 1), self.servers[group])

    def advance(
        self, arrivals: list[Item], start: float, end: float
    ) -> tuple[list[Knots], list[Done]]:
        """Serve from `start` to `end`. Returns each replica's power and the requests that left."""
        inbox: list[list[Item]] = [[] for _ in self.state.replicas]
        for group in set(self.home):
            self._hand_out([a for a in arrivals if self.home[a[6]] == group], group, inbox)
        if not self.prefill_only:
            return self._run(range(len(inbox)), inbox, start, end)
        first = [r for r in range(len(inbox)) if r in self.prefill_only]
        then = [r for r in range(len(inbox)) if r not in self.prefill_only]
        knots, prefilled = self._run(first, inbox, start, end)
        here = [*self.state.moving, *(self._moved(d) for d in prefilled if d[5] > 1)]
        here.sort(key=lambda item: (item[1], item[0]))
        self.state.moving = [item for item in here if item[1] >= end]
        for group in set(self.home):
            ready = [m for m in here if m[1] < end and self.home[m[6]] == group]
            self._hand_out(ready, group, inbox, moved=True)
        more, done = self._run(then, inbox, start, end)
        places = np.argsort([*first, *then])
        both = [*knots, *more]
        return [both[i] for i in places], [*(d for d in prefilled if d[5] == 1), *done]

    def _run(
        self, which: range | list[int], inbox: list[list[Item]], start: float, end: float
    ) -> tuple[list[Knots], list[Done]]:
        knots, done = [], []
        machines = self.machines()
        for r in which:
            power, left = run(self.state.replicas[r], machines[r], inbox[r], start, end)
            knots.append(power)
            done += left
        return knots, done

    def _hand_out(
        self, items: list[Item], group: int, inbox: list[list[Item]], *, moved: bool = False
    ) -> None:
        """Give items to the group's awake replicas in turn: those that decode, if moved."""
        if not items:
            return
        takers = self.takers(group, moved)
        turn = self.state.turn.get((group, moved), 0) % len(takers)
        for k, r in enumerate(takers[turn:] + takers[:turn]):
            inbox[r] += items[k :: len(takers)]
        self.state.turn[group, moved] = (turn + len(items)) % len(takers)

    def takers(self, group: int, moved: bool) -> list[int]:
        """Replicas of a group that take requests: awake ones, or any where none of them is."""
        able = [r for r in self.members[group] if not moved or r not in self.prefill_only]
        if not moved and any(r in self.prefill_only for r in able):
            able = [r for r in able if r in self.prefill_only]
        awake = set(self.awake_members(group))
        return [r for r in able if r in awake] or able

    def awake_members(self, group: int) -> list[int]:
        """Replicas of the group's awake servers: the first ones."""
        return self.members[group][: self.awake[group] * self.cluster.replicas]

    def machines(self) -> list[Machine]:
        """The machine of each replica under the settings of now."""
        if not self._machines:
            found = dict[int, Machine]()
            for members, awake, setting in zip(
                self.members, self.awake, self.settings, strict=True
            ):
                count = awake * self.cluster.replicas
                found |= dict.fromkeys(members[:count], self._machine(setting, False))
                found |= dict.fromkeys(members[count:], self._machine(setting, True))
            self._machines = [found[r] for r in range(len(found))]
        return self._machines

    def _machine(self, setting: Setting, asleep: bool) -> Machine:
        key = (setting, self._braked, asleep)
        if key not in self._kinds:
            self._kinds[key] = machine(
                self.cluster, self.table, setting, braked=self._braked, asleep=asleep
            )
        return self._kinds[key]

    def _moved(self, done: Done) -> Item:
        """A prefilled request, when its KV cache has come to a replica that decodes."""
        number, arrival, first, left, prompt, output, group = done
        ready = left + prompt * self.table.kv_bytes / self.cluster.transfer_b_s
        context, room = prompt + output / 2, prompt + output
        return (number, ready, 0.0, 0.0, prompt, output, group, context, room, first, arrival)
