"""simulate: a trace on a row under a policy. A pure function of (trace, cluster, policy, seed).

Replicas don't depend on each other between two orders of the policy. So a window of up to
LONGEST_S seconds is simulated replica by replica, then the policy watches its power; an order that
takes effect inside the window cuts it there, and the part up to the cut is simulated again from the
saved state. Power that stays below all thresholds is simulated once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

import numpy as np

from picojoule.cluster.config import Cluster
from picojoule.cluster.control import Brake, Controller, InFlight
from picojoule.cluster.latency import Slo
from picojoule.cluster.machine import check_budget
from picojoule.cluster.measured import table_for
from picojoule.cluster.phases import PhaseTable
from picojoule.cluster.policies import PowerPolicy, make_policy
from picojoule.cluster.record import Record
from picojoule.cluster.replica import Done, Item, Knots
from picojoule.cluster.requests import Requests, with_priorities
from picojoule.cluster.result import Result
from picojoule.cluster.row import Row
from picojoule.errors import InputError
from picojoule.ledger import Array

__all__ = ["LONGEST_S", "simulate"]

LONGEST_S, SHORTEST_S = 900, 40
_LONGEST_TRACE_S = 400 * 86_400.0  # every second of it is kept

Sink = Callable[[Array], None]
"""Gets rows of requests that left: number, arrival, first token, done, prompt, output, priority."""


def simulate(
    trace: Requests | Iterable[Requests],
    cluster: Cluster,
    *,
    policy: str | PowerPolicy = "polca",
    seed: int = 0,
    slo: Slo | None = None,
    phases: PhaseTable | None = None,
    sink: Sink | None = None,
) -> Result:
    """Serve `trace`, all of it or chunk by chunk, until the last request has left.

    policy: a name, with the constants of `cluster.policies`, or an object of its own. seed: of the
    priorities that the trace doesn't give. slo: counted by priority. phases: in place of the table
    that `cluster` names. sink: gets every request's times; without it only percentiles are kept.
    Raises InputError for a model that doesn't fit, a budget below idle power, an unknown policy.
    """
    table = phases or table_for(cluster)
    check_budget(cluster, table)
    row = Row(cluster, table)
    if isinstance(policy, str):
        name, acting = policy, make_policy(policy, cluster.policies.get(policy))
    else:
        name, acting = type(policy).__name__, policy
    controller = Controller(
        cluster.control, acting, cluster.budget_w, row.servers, math.ceil(cluster.server.wake_s)
    )
    chunks = [trace] if isinstance(trace, Requests) else trace
    source = _Source(with_priorities(chunks, cluster.low_priority_share, seed), table)
    record = Record(cluster, slo or Slo(), sink)
    _serve(source, row, controller, record)
    return record.result(row, controller, policy=name, seed=seed, rejected=source.rejected)


def _serve(source: _Source, row: Row, controller: Controller, record: Record) -> None:
    start, span = 0, LONGEST_S
    while True:
        for order in controller.due(start):
            if isinstance(order, Brake):
                row.brake(order.on)
            else:
                row.apply(order)
        end = int(min(start + span, controller.next_act_s()))
        arrivals = source.until(end)
        before = row.state.saved()
        knots, done = row.advance(arrivals, start, end)
        watts = _watts(knots, start, end)
        cut = end
        if source.exhausted and row.idle:  # the row's time ends with its last request
            last = max((d[3] for d in done), default=start)
            cut = max(math.ceil(last), start + 1)
        cut = controller.watch(
            watts.sum(axis=0)[: cut - start], start, cut, _in_flight(record, arrivals, done)
        )
        if cut < end:
            row.state = before
            arrivals = source.back_to(cut)
            knots, done = row.advance(arrivals, start, cut)
            watts = _watts(knots, start, cut)
        record.add(watts, arrivals, done)
        source.accept()
        if source.exhausted and row.idle and cut >= record.last_s:
            return
        span = SHORTEST_S if cut < end or controller.pending else min(2 * span, LONGEST_S)
        start = cut


def _watts(knots: list[Knots], start: int, end: int) -> Array:
    """[replica, second]: mean power of each second, from joules so far at each change of power.

    One interpolation for all: the replicas' times stand one after another on one line.
    """
    shift = (end - start + 1) * np.arange(len(knots)) - start
    counts = [len(times) for times, _ in knots]
    times = np.fromiter(chain.from_iterable(t for t, _ in knots), float, sum(counts))
    joules = np.fromiter(chain.from_iterable(j for _, j in knots), float, sum(counts))
    edges = np.arange(start, end + 1) + shift[:, None]
    so_far = np.interp(edges.ravel(), times + np.repeat(shift, counts), joules)
    return np.diff(so_far.reshape(edges.shape), axis=1)


def _in_flight(record: Record, arrivals: list[Item], done: list[Done]) -> InFlight:
    """Requests of each priority in the row at times of this window, but for those just arriving."""
    came = [np.array([a[10] for a in arrivals if a[6] == p]) for p in (0, 1)]
    left = [np.sort([d[3] for d in done if d[6] == p]) for p in (0, 1)]

    def at(times: Array) -> Array:
        counts = [
            record.in_flight[p]
            + np.searchsorted(came[p], times, "left")
            - np.searchsorted(left[p], times, "right")
            for p in (0, 1)
        ]
        return np.stack(counts, axis=1)

    return at


class _Source:
    """Requests as Items, window by window, from chunks that are read when they are needed.

    rejected: requests that no replica has room for.
    """

    def __init__(self, chunks: Iterator[Requests], table: PhaseTable) -> None:
        self._chunks, self._table = chunks, table
        self._items: list[Item] = []
        self._times = np.zeros(0)
        self._start = self._taken = 0  # of the window, in the lists above
        self._number = 0
        self._ended = False
        self.rejected = 0

    @property
    def exhausted(self) -> bool:
        """Whether every request has been taken."""
        return self._ended and self._taken == len(self._items)

    def until(self, end: float) -> list[Item]:
        """The requests that arrive before `end` and were not accepted yet."""
        while not self._ended and (not len(self._times) or self._times[-1] < end):
            self._read()
        return self.back_to(end)

    def back_to(self, end: float) -> list[Item]:
        """The same for an earlier end."""
        self._taken = int(np.searchsorted(self._times, end, "left"))
        return self._items[self._start : self._taken]

    def accept(self) -> None:
        """Never give what was taken again."""
        self._start = self._taken

    def _read(self) -> None:
        chunk = next(self._chunks, None)
        if chunk is None:
            self._ended = True
            return
        if chunk.arrival_s[-1] > _LONGEST_TRACE_S:
            raise InputError(
                "the trace is too long", got=f"an arrival at {chunk.arrival_s[-1]:.0f} s",
                expected=f"at most {_LONGEST_TRACE_S:.0f} s", fix="arrivals count from its start",
            )  # fmt: skip
        room = chunk.prompt_tokens + chunk.output_tokens
        fits = room <= self._table.kv_tokens
        numbers = self._number + np.arange(len(chunk))
        self._number += len(chunk)
        self.rejected += int(len(chunk) - fits.sum())
        chunk, numbers, room = chunk[fits], numbers[fits], room[fits]
        seconds, joules = self._table.prefill(chunk.prompt_tokens)
        arrival = chunk.arrival_s.tolist()
        columns = (
            numbers.tolist(), arrival, seconds.tolist(), joules.tolist(),
            chunk.prompt_tokens.tolist(), chunk.output_tokens.tolist(), chunk.priority.tolist(),
            (chunk.prompt_tokens + chunk.output_tokens / 2).tolist(), room.tolist(),
            [-1.0] * len(arrival), arrival,
        )  # fmt: skip
        self._items = [*self._items[self._start :], *zip(*columns, strict=True)]
        self._times = np.concatenate([self._times[self._start :], chunk.arrival_s])
        self._start = 0
