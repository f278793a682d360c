"""A federation event by event: who is busy, who waits, and the joules of both."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from picojoule.cluster.fleet.clients import Client, checked
from picojoule.cluster.fleet.policy import Answer, FleetPolicy
from picojoule.errors import InputError
from picojoule.ledger import Ledger, Row

__all__ = ["FleetResult", "Merge", "simulate_fleet"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Merge:
    """One update of the global model.

    staleness: of each client, the merges since the model that it started from.
    """

    time_s: float
    clients: tuple[int, ...]
    staleness: tuple[int, ...]


@dataclass(frozen=True)
class FleetResult:
    """What each client did up to the horizon; arrays have one entry a client.

    steps: local steps done, those of an unfinished round included. busy_s + exchange_s + idle_s
    is the horizon. given: the local steps of every start.
    """

    clients: tuple[Client, ...]
    horizon_s: float
    steps: NDArray[np.int64]
    busy_s: Floats
    exchange_s: Floats
    exchange_j: Floats
    merges: tuple[Merge, ...]
    given: tuple[int, ...]

    @property
    def idle_s(self) -> Floats:
        """Seconds of waiting."""
        return np.asarray(self.horizon_s - self.busy_s - self.exchange_s)

    @property
    def idle_share(self) -> float:
        """Waiting over all clients' time."""
        return float(self.idle_s.sum() / (self.horizon_s * len(self.clients)))

    @property
    def energy_j(self) -> float:
        """Joules of all clients: busy, exchanging and idle."""
        busy_j = sum(c.busy_w * s for c, s in zip(self.clients, self.busy_s, strict=True))
        idle_j = sum(c.idle_w * s for c, s in zip(self.clients, self.idle_s, strict=True))
        return float(busy_j + idle_j + self.exchange_j.sum())

    @property
    def joule_per_step(self) -> float:
        """Energy over local steps; NaN where there was none."""
        steps = int(self.steps.sum())
        return self.energy_j / steps if steps else math.nan

    def ledger(self) -> Ledger:
        """Three rows a client: busy (count: steps), exchange and idle (count: seconds)."""
        rows = []
        for i, c in enumerate(self.clients):
            parts = (
                ("busy", self.steps[i], c.busy_w * self.busy_s[i]),
                ("exchange", self.exchange_s[i], self.exchange_j[i]),
                ("idle", self.idle_s[i], c.idle_w * self.idle_s[i]),
            )
            rows += [
                Row(c.name, part, "client", float(count), float(j), float(j), float(j), c.evidence)
                for part, count, j in parts
            ]
        return Ledger.of(rows, model="federation", horizon_s=self.horizon_s)


@dataclass(slots=True)
class _Round:
    """What a client was told to do: when, how many steps, at how many seconds each."""

    started_s: float
    steps: int
    step_s: float
    version: int


def simulate_fleet(
    clients: Sequence[Client],
    policy: FleetPolicy,
    horizon_s: float,
    *,
    jitter: float = 0.0,
    seed: int = 0,
) -> FleetResult:
    """Run a policy over a fleet for `horizon_s` seconds. Deterministic for one seed.

    jitter: standard deviation of the logarithm of a round's speed around the client's. A client
    trains, then exchanges, then waits for the policy. Rounds that the horizon cuts count up to
    it. Raises InputError for no client, a horizon or a jitter that is not possible.
    """
    fleet = checked(clients)
    if not 0 < horizon_s < math.inf or not 0 <= jitter < math.inf:
        raise InputError(
            "horizon_s or jitter is not possible",
            got=(horizon_s, jitter),
            expected="0 < horizon_s < inf and jitter >= 0",
        )
    run = _Run(fleet, horizon_s, jitter, np.random.default_rng(seed))
    run.follow(policy.begin(fleet), 0.0)
    while True:
        next_s = run.queue[0][0] if run.queue else math.inf
        # Updates that arrive just as an alarm rings are in time.
        now_s = min(next_s, policy.alarm_s)
        if now_s > horizon_s or now_s == math.inf:
            break
        arrived = heapq.heappop(run.queue)[1] if next_s <= policy.alarm_s else None
        if arrived is not None:
            run.finish(arrived, now_s)
        run.follow(policy.act(now_s, arrived), now_s)
    return run.result()


class _Run:
    """The state of one simulation."""

    def __init__(
        self, fleet: tuple[Client, ...], horizon_s: float, jitter: float, rng: np.random.Generator
    ) -> None:
        self.fleet, self.horizon_s, self.jitter, self.rng = fleet, horizon_s, jitter, rng
        n = len(fleet)
        self.steps = np.zeros(n, np.int64)
        self.busy_s, self.exchange_s, self.exchange_j = (np.zeros(n) for _ in range(3))
        self.queue: list[tuple[float, int]] = []
        self.at: dict[int, _Round] = {}
        self.version: dict[int, int] = {}
        self.merges: list[Merge] = []
        self.given: list[int] = []

    def follow(self, answer: Answer, now_s: float) -> None:
        """Merge what the policy says, then start clients on the new model."""
        if answer.merged:
            stale = tuple(len(self.merges) - self.version[c] for c in answer.merged)
            self.merges.append(Merge(now_s, answer.merged, stale))
        for start in answer.started:
            client = self.fleet[start.client]
            speed = math.exp(self.jitter * self.rng.standard_normal()) if self.jitter else 1.0
            turn = _Round(now_s, start.steps, client.step_s / speed, len(self.merges))
            self.at[start.client] = turn
            self.given.append(start.steps)
            done_s = now_s + turn.steps * turn.step_s + client.exchange_s
            heapq.heappush(self.queue, (done_s, start.client))

    def finish(self, client: int, now_s: float) -> None:
        """Book a round up to now, whole or cut."""
        turn, own = self.at.pop(client), self.fleet[client]
        planned_s = turn.steps * turn.step_s
        training_s = min(now_s - turn.started_s, planned_s)
        exchange_s = min(now_s - turn.started_s - training_s, own.exchange_s)
        # Joules without seconds are spent once training is done.
        trained = float(training_s == planned_s)
        share = exchange_s / own.exchange_s if own.exchange_s else trained
        self.version[client] = turn.version
        self.steps[client] += min(turn.steps, math.floor(training_s / turn.step_s + 1e-9))
        self.busy_s[client] += training_s
        self.exchange_s[client] += exchange_s
        self.exchange_j[client] += own.exchange_j * share

    def result(self) -> FleetResult:
        for client in list(self.at):
            self.finish(client, self.horizon_s)
        return FleetResult(
            self.fleet,
            self.horizon_s,
            self.steps,
            self.busy_s,
            self.exchange_s,
            self.exchange_j,
            tuple(self.merges),
            tuple(self.given),
        )
