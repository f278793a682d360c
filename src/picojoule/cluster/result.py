"""Result: what a simulation found. Joules are at the servers' plugs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import maximum_filter1d

from picojoule.cluster.config import Cluster
from picojoule.cluster.control import Brake, Event
from picojoule.cluster.latency import METRICS, Latencies
from picojoule.cluster.phases import PhaseTable
from picojoule.cluster.replica import Replica
from picojoule.ledger import Array, Ledger, Row
from picojoule.quantity import Evidence, weakest

__all__ = ["PHASES", "QUANTILES", "Energy", "Power", "Result", "spikes"]

PHASES = ("prefill", "decode", "idle")
QUANTILES = (0.5, 0.9, 0.99)


@dataclass(frozen=True)
class Power:
    """row_w: of every second. Racks and servers: [rack or server, minute], mean and highest second.

    The last minute may be shorter.
    """

    row_w: Array
    rack_mean_w: Array
    rack_peak_w: Array
    server_mean_w: Array
    server_peak_w: Array

    @property
    def peak_w(self) -> float:
        """The row's highest second."""
        return float(self.row_w.max())

    @property
    def mean_w(self) -> float:
        """The row's mean."""
        return float(self.row_w.mean())


@dataclass(frozen=True)
class Energy:
    """By phase. static_j: what idle servers draw; dynamic_j: on top. seconds: of all replicas."""

    dynamic_j: dict[str, float]
    static_j: dict[str, float]
    seconds: dict[str, float]

    @classmethod
    def of(cls, replicas: Iterable[Replica]) -> Energy:
        """The sums of replicas."""
        replicas = list(replicas)
        dynamic, static, seconds = (
            np.sum([getattr(r, name) for r in replicas], axis=0).tolist()
            for name in ("joules", "static_j", "seconds")
        )
        pairs = (zip(PHASES, values, strict=True) for values in ([*dynamic, 0.0], static, seconds))
        return cls(*(dict(p) for p in pairs))

    @property
    def by_phase(self) -> dict[str, float]:
        """Joules of prefill, decode and idle."""
        return {p: self.dynamic_j[p] + self.static_j[p] for p in PHASES}

    @property
    def total_j(self) -> float:
        """All joules."""
        return sum(self.by_phase.values())


@dataclass(frozen=True)
class Result:
    """One simulation. rejected: requests that no replica has room for. brakes: how often the row
    braked. events: orders of the policy and of the brake."""

    cluster: Cluster
    table: PhaseTable
    policy: str
    seed: int
    rejected: int
    power: Power
    energy: Energy
    latencies: Latencies
    events: tuple[Event, ...]
    brakes: int

    @property
    def duration_s(self) -> int:
        """Simulated time: to the second of the last token."""
        return len(self.power.row_w)

    @property
    def over_budget_s(self) -> int:
        """Seconds above the budget."""
        return int((self.power.row_w > self.cluster.budget_w).sum())

    @property
    def peak_share(self) -> float:
        """Highest second as a share of the budget."""
        return self.power.peak_w / self.cluster.budget_w

    @property
    def caps(self) -> int:
        """Orders of the policy that acted on clocks or on sleep."""
        return sum(not isinstance(e.order, Brake) for e in self.events)

    def joules_per_token(self) -> dict[str, dict[str, float]]:
        """By phase and in total, per input or output token and per output token."""
        prompt, output = self.latencies.tokens
        parts = {**self.energy.by_phase, "total": self.energy.total_j}
        each = {"per_token": prompt + output, "per_output_token": output}
        return {p: {k: j / n if n else math.nan for k, n in each.items()} for p, j in parts.items()}

    def ledger(self) -> Ledger:
        """Joules by phase and component, with intervals from the constants."""
        server, table = self.cluster.server, self.table
        around, host = server.other_share, server.other_idle_w
        factor = {
            "low": table.low * (1 + around.low) / (1 + around.value),
            "high": table.high * (1 + around.high) / (1 + around.value),
        }
        hosts = {k: getattr(host, k) / self.cluster.replicas for k in ("low", "value", "high")}
        plug_w = hosts["value"] + table.idle_w
        rest = {k: (hosts[k] + table.idle_w) / plug_w for k in factor}
        evidence = weakest(Evidence.ASSUMED, table.evidence)  # other power, answer to clocks
        joules = {
            (phase, part): (getattr(self.energy, f"{part}_j")[phase], by)
            for phase in PHASES for part, by in (("dynamic", factor), ("static", rest))
        }  # fmt: skip
        rows = [self._row(*key, *found, evidence) for key, found in joules.items()]
        return Ledger.of(
            rows, model=self.table.name, chip=self.cluster.chip, method="cluster simulation",
            policy=self.policy, seed=self.seed,
        )  # fmt: skip

    def _row(
        self, phase: str, part: str, joules: float, by: dict[str, float], evidence: Evidence
    ) -> Row:
        """A row; the time of a phase stands on its static row."""
        seconds = self.energy.seconds[phase]
        time_s = seconds if part == "static" else 0.0
        return Row(
            op="serving", module=phase, phase=phase, component=part, level="server",
            count=seconds, energy_j=joules, low_j=joules * by["low"], high_j=joules * by["high"],
            time_s=time_s, low_s=time_s, high_s=time_s, evidence=evidence,
        )  # fmt: skip

    def percentiles(self, priority: int) -> dict[str, dict[str, float]]:
        """p50, p90, p99 and the mean of each metric, in seconds."""
        found = {}
        for metric in METRICS:
            histogram = self.latencies.of[metric, priority]
            found[metric] = {f"p{round(100 * q)}": histogram.quantile(q) for q in QUANTILES}
            found[metric]["mean"] = histogram.mean
        return found

    def to_dict(self) -> dict[str, Any]:
        """JSON document `picojoule/simulate/1`; null is unavailable."""
        cluster, power = self.cluster, self.power
        groups = {"low": 0, "high": 1}
        return {
            "schema": "picojoule/simulate/1",
            "cluster": cluster.name, "model": cluster.model, "chip": cluster.chip,
            "servers": cluster.servers, "policy": self.policy, "seed": self.seed,
            "phases": {"name": self.table.name, "source": self.table.source,
                       "evidence": self.table.evidence.word},
            "requests": {k: self.latencies.requests(p) for k, p in groups.items()},
            "rejected": self.rejected,
            "tokens": dict(zip(("prompt", "output"), self.latencies.tokens, strict=True)),
            "duration_s": self.duration_s,
            "budget_w": cluster.budget_w,
            "power_w": {"mean": power.mean_w, "peak": power.peak_w,
                        "p99": float(np.quantile(power.row_w, 0.99))},
            "peak_share": self.peak_share,
            "spike_share": dict(zip(("p50", "p99", "max"), spikes(
                power.row_w, cluster.control.actuation_s, cluster.budget_w), strict=True)),
            "over_budget_s": self.over_budget_s,
            "brakes": self.brakes, "orders": self.caps,
            "energy_j": {**self.energy.by_phase, "total": self.energy.total_j},
            "energy": self.ledger().total().energy.to_dict(),
            "joules_per_token": self.joules_per_token(),
            "latency": {k: self.percentiles(p) for k, p in groups.items()},
            "slo_attainment": {k: self.latencies.attainment(p) for k, p in groups.items()},
            "events": [{"issued_s": e.issued_s, "acts_s": e.acts_s, "group": e.group,
                        "order": e.text} for e in self.events],
        }  # fmt: skip


def spikes(row_w: Array, window_s: int, budget_w: float) -> tuple[float, float, float]:
    """How much power rises within `window_s` seconds, as a share of the budget: p50, p99, most.

    What a cap that acts `window_s` late can't prevent (POLCA, arXiv 2308.12908, section 4).
    """
    ahead = maximum_filter1d(row_w, window_s + 1, origin=-((window_s + 1) // 2), mode="nearest")
    rise = (ahead - row_w) / budget_w
    p50, p99, most = np.quantile(rise, [0.5, 0.99, 1.0])
    return float(p50), float(p99), float(most)
