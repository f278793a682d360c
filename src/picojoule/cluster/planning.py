"""plan: how many servers fit under a power budget, and how much of that is static headroom.

The load grows with the servers, so each server always gets the work that it gets in the trace's own
row. At each number of servers and seed the row runs twice: without budget or policy, and with them.
The first run tells the peak; the second, beside it, what the policy costs in latency.

    static    the most servers whose own peak stays within the budget: they need no policy
    unbraked  the most servers under which the policy never lets the row brake
    fits      the most servers that also keep the limits on latency

each at every seed. What a policy adds, as far as power goes, is unbraked - static. A published gain
is often quoted against nameplate power, which counts static headroom too: at a peak of 79% of the
budget, 1/0.79 = 1.27 times the servers fit without any policy.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from scipy.stats import beta

from picojoule.cluster.arrivals import scaled
from picojoule.cluster.config import Cluster
from picojoule.cluster.latency import Slo
from picojoule.cluster.measured import table_for
from picojoule.cluster.phases import PhaseTable
from picojoule.cluster.requests import Requests
from picojoule.cluster.result import Result, spikes
from picojoule.cluster.simulate import simulate
from picojoule.cluster.sweep import Point, engine, sweep
from picojoule.errors import InputError

__all__ = ["Limits", "Plan", "Trial", "plan", "trial"]

_UNLIMITED = "1000000 MW"
_WINDOWS = (20, 40, 80)
_COLUMNS = ("what", "value", "static_servers", "unbraked_servers", "servers")


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a plan must keep. The shares are increases of end-to-end latency over the unlimited row.

    Their defaults are bounds commonly quoted with POLCA, taken as defaults rather than as facts.
    slo, attainment: the share of all requests that keep `slo`.
    """

    high_p50: float = 0.01
    high_p99: float = 0.05
    low_p50: float = 0.05
    low_p99: float = 0.50
    brakes: int = 0
    attainment: float = 0.99
    slo: Slo = Slo()


@dataclass(frozen=True)
class Trial:
    """One number of servers at one seed. peak_w, spike_w: of the unlimited row; spike_w is the
    99th percentile and the most of what power rises within each of 20, 40 and 80 s.

    slower: increase of end-to-end latency by (priority, quantile). attainment: of the SLO.
    """

    servers: int
    seed: int
    peak_w: float
    spike_w: dict[str, tuple[float, float]]
    brakes: int
    over_budget_s: int
    orders: int
    slower: dict[str, float]
    attainment: float

    def keeps(self, limits: Limits) -> bool:
        """Whether it stays within all limits."""
        within = all(not value > getattr(limits, name) for name, value in self.slower.items())
        return within and self.brakes <= limits.brakes and self.attainment >= limits.attainment


@dataclass(frozen=True)
class Plan:
    """The answer. base: servers that the trace is for. trials: of `fits` servers, one per seed.

    confidence: lower 95% bound of the chance that another seed keeps the limits too. sensitivity:
    (what, value, static, unbraked, fits) with one thing changed at a time.
    """

    cluster: Cluster
    policy: str
    limits: Limits
    base: int
    budget_w: float
    base_peak_w: float
    static: int
    unbraked: int
    fits: int
    trials: tuple[Trial, ...]
    next_trials: tuple[Trial, ...]
    sensitivity: tuple[tuple[str, str, int, int, int], ...] = field(default=())

    @property
    def confidence(self) -> float:
        """Clopper-Pearson, one-sided."""
        return float(beta.ppf(0.05, len(self.trials), 1)) if self.trials else math.nan

    @property
    def static_share(self) -> float:
        """The part of the servers beyond `base` without brakes that needs no policy."""
        more = self.unbraked - self.base
        return min((self.static - self.base) / more, 1.0) if more > 0 else math.nan

    def to_dict(self) -> dict[str, Any]:
        """JSON document `picojoule/plan/1`."""
        return {
            "schema": "picojoule/plan/1",
            "cluster": self.cluster.name, "model": self.cluster.model, "policy": self.policy,
            "budget_w": self.budget_w, "limits": msgspec.to_builtins(self.limits),
            "base_servers": self.base, "base_peak_w": self.base_peak_w,
            "peak_share": self.base_peak_w / self.budget_w,
            "static_servers": self.static, "unbraked_servers": self.unbraked, "servers": self.fits,
            "static_share": self.static_share, "confidence": self.confidence,
            "trials": [msgspec.to_builtins(t) for t in self.trials],
            "one_more": [msgspec.to_builtins(t) for t in self.next_trials],
            "sensitivity": [
                dict(zip(_COLUMNS, row, strict=True))
                for row in self.sensitivity
            ],
        }  # fmt: skip


def trial(
    point: Point, trace: Requests, cluster: Cluster, base: int, table: PhaseTable, slo: Slo
) -> dict[str, Any]:
    """Run one point: servers, seed, policy, budget_w, actuation_s, low_share. A Trial as a dict."""
    servers, seed = point["servers"], point["seed"]
    load = scaled(trace, servers / base, seed) if servers != base else trace
    control = msgspec.structs.replace(cluster.control, actuation_s=point["actuation_s"])
    row = msgspec.structs.replace(
        cluster.sized(servers, f"{point['budget_w']:.3f} W"),
        control=control, low_priority_share=point["low_share"],
    )  # fmt: skip
    free = simulate(
        load, row.sized(servers, _UNLIMITED), policy="none", seed=seed, slo=slo, phases=table
    )
    held = simulate(load, row, policy=point["policy"], seed=seed, slo=slo, phases=table)
    rises = {str(w): spikes(free.power.row_w, w, 1.0)[1:] for w in _WINDOWS}
    found = Trial(
        servers, seed, free.power.peak_w, rises, held.brakes, held.over_budget_s, held.caps,
        _slower(held, free), _attainment(held),
    )  # fmt: skip
    document: dict[str, Any] = msgspec.to_builtins(found)
    return document


def _slower(held: Result, free: Result) -> dict[str, float]:
    found = {}
    for name, priority in (("low", 0), ("high", 1)):
        before, after = (r.latencies.of["e2e_s", priority] for r in (free, held))
        for q in (50, 99):
            if before.n:
                found[f"{name}_p{q}"] = after.quantile(q / 100) / before.quantile(q / 100) - 1
    return found


def _attainment(result: Result) -> float:
    latencies = result.latencies
    return sum(latencies.kept) / max(sum(latencies.requests(p) for p in (0, 1)), 1)


@dataclass(frozen=True)
class _Search:
    """Finds the most servers that satisfy a test, by bisection; simulated trials are shared."""

    run: Callable[[Point], Any]
    executor: Executor
    journal: Path | None
    seeds: Sequence[int]
    most: int
    tell: Callable[[str], None]
    known: dict[str, Trial] = field(default_factory=dict)

    def trials(self, servers: int, **fixed: Any) -> tuple[Trial, ...]:
        points = [{"servers": servers, "seed": s, **fixed} for s in self.seeds]
        missing = [p for p in points if str(p) not in self.known]
        if missing:
            self.tell(f"{servers} servers")
        for point, found in zip(
            missing, sweep(self.run, missing, self.executor, self.journal), strict=True
        ):
            self.known[str(point)] = self._trial(found)
        return tuple(self.known[str(p)] for p in points)

    def _trial(self, found: Any) -> Trial:
        try:
            return msgspec.convert(found, Trial)
        except msgspec.ValidationError as error:
            raise InputError(f"not a run of a plan: {error}", where=str(self.journal)) from None

    def best(self, good: Callable[[Trial], bool], low: int, **fixed: Any) -> int:
        """The most servers from `low` on at which every seed is good; 0 when `low` isn't."""

        def ok(servers: int) -> bool:
            return all(good(t) for t in self.trials(servers, **fixed))

        if not ok(low):
            return 0
        high = low
        while high < self.most and ok(min(high + max(high // 16, 1), self.most)):
            high = min(high + max(high // 16, 1), self.most)
        if high == self.most:
            return high
        bad = min(high + max(high // 16, 1), self.most)
        while bad - high > 1:
            middle = (high + bad) // 2
            high, bad = (middle, bad) if ok(middle) else (high, middle)
        return high


def plan(
    trace: Requests,
    cluster: Cluster,
    *,
    policy: str = "polca",
    limits: Limits | None = None,
    base: int | None = None,
    peak_share: float | None = None,
    seeds: int = 3,
    sensitivity: bool = True,
    executor: Executor | None = None,
    journal: Path | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Plan:
    """How many servers fit under the budget of `cluster`.

    trace: the load of `base` servers (cluster.servers). peak_share: in place of the cluster's
    budget, the budget of which the base row's own peak is this share (POLCA's row: 0.79). seeds:
    how many; they redraw priorities and the copies of requests. executor: runs the trials; a serial
    one by default. journal: keeps them, to resume. tell: gets a line of progress.
    Raises InputError when no row of any size fits, and as `simulate` does.
    """
    if seeds < 1:
        raise InputError("a plan needs a seed", got=seeds, expected="at least 1")
    if executor is None:
        with engine("serial") as serial:
            return plan(
                trace, cluster, policy=policy, limits=limits, base=base, peak_share=peak_share,
                seeds=seeds, sensitivity=sensitivity, executor=serial, journal=journal, tell=tell,
            )  # fmt: skip
    limits, base, table = limits or Limits(), base or cluster.servers, table_for(cluster)
    run = partial(trial, trace=trace, cluster=cluster, base=base, table=table, slo=limits.slo)
    find = _Search(run, executor, journal, range(seeds), 3 * base, tell)
    fixed = {"policy": policy, "actuation_s": cluster.control.actuation_s,
             "low_share": cluster.low_priority_share,
             "inputs": _digest(trace, cluster, base, limits.slo)}  # fmt: skip
    free = find.trials(base, budget_w=1e12, **{**fixed, "policy": "none"})
    peak_w = max(t.peak_w for t in free)
    budget_w = cluster.budget_w if peak_share is None else peak_w / peak_share
    static, unbraked, fits = _sizes(find, limits, base, peak_w, budget_w, fixed)
    if fits == 0:
        raise InputError(
            "no row fits the limits", got=f"{budget_w / 1e3:.1f} kW",
            expected=f"{peak_w / base:.0f} W per server at this load",
            fix="give a larger budget, looser limits, or less load",
        )  # fmt: skip
    chosen = find.trials(fits, budget_w=budget_w, **fixed)
    after = find.trials(fits + 1, budget_w=budget_w, **fixed) if fits < find.most else ()
    table_rows = _sensitivity(find, limits, base, peak_w, budget_w, fixed) if sensitivity else ()
    return Plan(
        cluster, policy, limits, base, budget_w, peak_w, static, unbraked, fits, chosen, after,
        table_rows,
    )  # fmt: skip


def _digest(trace: Requests, cluster: Cluster, base: int, slo: Slo) -> str:
    """Tells a journal's points of other inputs from ours."""
    found = hashlib.sha256(msgspec.json.encode((cluster, base, slo)))
    for column in (trace.arrival_s, trace.prompt_tokens, trace.output_tokens, trace.priority):
        found.update(column.tobytes())
    return found.hexdigest()[:12]


def _sizes(
    find: _Search, limits: Limits, base: int, peak_w: float, budget_w: float, fixed: dict[str, Any]
) -> tuple[int, int, int]:
    """Servers that fit without a policy, with it without brakes, and with all limits kept."""
    tests: tuple[Callable[[Trial], bool], ...] = (
        lambda t: t.peak_w <= budget_w,
        lambda t: t.brakes <= limits.brakes,
        lambda t: t.keeps(limits),
    )
    start = min(max(int(0.9 * budget_w / peak_w * base), 1), find.most)
    sizes = []
    for good in tests:
        lows = (start, max(start // 2, 1), 1)
        found = (find.best(good, low, budget_w=budget_w, **fixed) for low in lows)
        sizes.append(next((n for n in found if n), 0))
    return sizes[0], sizes[1], sizes[2]


def _sensitivity(
    find: _Search, limits: Limits, base: int, peak_w: float, budget_w: float, fixed: dict[str, Any]
) -> tuple[tuple[str, str, int, int, int], ...]:
    rows = []
    for share in (0.70, 0.79, 0.90):
        sizes = _sizes(find, limits, base, peak_w, peak_w / share, fixed)
        rows.append(("peak of the base row", f"{share:.0%} of the budget", *sizes))
    for window in _WINDOWS:
        changed = {**fixed, "actuation_s": window}
        sizes = _sizes(find, limits, base, peak_w, budget_w, changed)
        trials = find.trials(base, budget_w=budget_w, **changed)
        p99, most = (max(t.spike_w[str(window)][i] for t in trials) / budget_w for i in (0, 1))
        label = f"{window} s: power rises {p99:.1%} at the 99th percentile, {most:.1%} at most"
        rows.append(("actuation latency", label, *sizes))
    for share in (0.25, 0.50, 0.75):
        sizes = _sizes(find, limits, base, peak_w, budget_w, {**fixed, "low_share": share})
        rows.append(("low-priority servers", f"{share:.0%}", *sizes))
    return tuple(rows)
