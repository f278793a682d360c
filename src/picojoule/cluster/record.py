"""Record: what a simulation keeps while it runs, in bounded memory per simulated hour."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

import numpy as np

from picojoule.cluster.config import Cluster
from picojoule.cluster.control import Controller
from picojoule.cluster.latency import Latencies, Slo
from picojoule.cluster.replica import Done, Item
from picojoule.cluster.result import Energy, Power, Result
from picojoule.cluster.row import Row
from picojoule.ledger import Array

__all__ = ["Record"]

_BATCH = 50_000
_MINUTE = 60


class Record:
    """Row power of every second; rack and server power of every minute; latencies."""

    def __init__(self, cluster: Cluster, slo: Slo, sink: Callable[[Array], None] | None) -> None:
        self._cluster, self._sink = cluster, sink
        self._latencies = Latencies(slo)
        self._done: list[Done] = []
        self._row_w: list[Array] = []
        self._servers: list[Array] = []  # [server, second] of the minutes that are not whole yet
        self._seconds = 0
        self._minutes: list[tuple[Array, Array]] = []  # mean and highest, of racks then servers
        self.in_flight = [0, 0]
        self.last_s = 0.0

    def add(self, watts: Array, arrivals: list[Item], done: list[Done]) -> None:
        """One window. watts: [replica, second]."""
        self._row_w.append(watts.sum(axis=0))
        for item in arrivals:
            self.in_flight[item[6]] += 1
        for left in done:
            self.in_flight[left[6]] -= 1
        self.last_s = max(self.last_s, max((d[3] for d in done), default=0.0))
        self._done += done
        if len(self._done) >= _BATCH:
            self._flush_done()
        servers = watts.reshape(self._cluster.servers, self._cluster.replicas, -1).sum(axis=1)
        self._servers.append(servers)
        self._seconds += servers.shape[1]
        if self._seconds >= 60 * _MINUTE:
            self._flush_minutes()

    def _flush_done(self) -> None:
        if self._done:
            count = 7 * len(self._done)
            rows = np.fromiter(chain.from_iterable(self._done), float, count).reshape(-1, 7)
            self._latencies.add(rows)
            if self._sink is not None:
                self._sink(rows)
            self._done = []

    def _flush_minutes(self, *, last: bool = False) -> None:
        servers = np.concatenate(self._servers, axis=1)
        whole = servers.shape[1] // _MINUTE * _MINUTE
        self._reduce(servers[:, :whole])
        rest = servers[:, whole:]
        if last and rest.shape[1]:
            self._reduce(rest)
            rest = rest[:, :0]
        self._servers, self._seconds = [rest], rest.shape[1]

    def _reduce(self, servers: Array) -> None:
        size = min(_MINUTE, servers.shape[1])
        if not size:
            return
        racks = np.add.reduceat(
            servers, np.arange(0, len(servers), self._cluster.servers_per_rack), axis=0
        )
        both = np.concatenate([racks, servers]).reshape(len(racks) + len(servers), -1, size)
        self._minutes.append((both.mean(axis=2), both.max(axis=2)))

    def result(
        self, row: Row, controller: Controller, *, policy: str, seed: int, rejected: int
    ) -> Result:
        """All of it."""
        self._flush_done()
        self._flush_minutes(last=True)
        means, peaks = (np.concatenate(p, axis=1) for p in zip(*self._minutes, strict=True))
        racks = self._cluster.racks
        power = Power(
            np.concatenate(self._row_w), means[:racks], peaks[:racks], means[racks:], peaks[racks:]
        )
        return Result(
            cluster=self._cluster, table=row.table, policy=policy, seed=seed, rejected=rejected,
            power=power, energy=Energy.of(row.state.replicas), latencies=self._latencies,
            events=tuple(controller.events), brakes=controller.brakes,
        )  # fmt: skip
