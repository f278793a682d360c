"""The JSON documents of `pj simulate` and `pj plan`. Null is unavailable."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from picojoule.report.documents import EvidenceWord, QuantityDocument

__all__ = ["PlanDocument", "SimulateDocument"]

Priority = Literal["low", "high"]
Phase = Literal["prefill", "decode", "idle", "total"]
Metric = Literal["ttft_s", "tbt_s", "e2e_s"]
Quantile = Literal["p50", "p90", "p99", "mean"]


class PhasesDocument(Struct, frozen=True):
    """Where seconds and joules of prefill and decode come from."""

    name: str
    source: str
    evidence: EvidenceWord


class PerTokenDocument(Struct, frozen=True):
    """Joules over prompt and output tokens, and over output tokens."""

    per_token: float | None
    per_output_token: float | None


class OrderDocument(Struct, frozen=True):
    """An order of the policy: when it was given, when it acts, for whom."""

    issued_s: float
    acts_s: float
    group: str
    order: str


class SimulateDocument(Struct, frozen=True):
    """`picojoule/simulate/1`: who waited how long, what it cost, whether the row braked.

    power_w: mean, p99, peak of the row. peak_share: of the budget. spike_share: rise within the
    actuation time, as a share of the budget. energy_j: by phase.
    """

    schema: Literal["picojoule/simulate/1"]
    cluster: str
    model: str
    chip: str
    servers: int
    policy: str
    seed: int
    phases: PhasesDocument
    requests: dict[Priority, int]
    rejected: int
    tokens: dict[str, int]
    duration_s: float
    budget_w: float
    power_w: dict[str, float | None]
    peak_share: float | None
    spike_share: dict[str, float | None]
    over_budget_s: int
    brakes: int
    orders: int
    energy_j: dict[Phase, float | None]
    energy: QuantityDocument
    joules_per_token: dict[Phase, PerTokenDocument]
    latency: dict[Priority, dict[Metric, dict[Quantile, float | None]]]
    slo_attainment: dict[Priority, float | None]
    events: list[OrderDocument]


class PlanDocument(Struct, frozen=True):
    """`picojoule/plan/1`: how many servers fit: without a policy, without a brake, in all limits.

    static_share: the part of the gain that needs no policy. confidence: lower 95% bound of the
    chance that another seed keeps the limits too. one_more: trials with one server more.
    """

    schema: Literal["picojoule/plan/1"]
    cluster: str
    model: str
    policy: str
    budget_w: float
    limits: dict[str, Any]
    base_servers: int
    base_peak_w: float
    peak_share: float
    static_servers: int
    unbraked_servers: int
    servers: int
    static_share: float | None
    confidence: float | None
    trials: list[dict[str, Any]]
    one_more: list[dict[str, Any]]
    sensitivity: list[dict[str, Any]]
