"""Serving under a power budget: traces, a row of servers, power policies, planning."""

from __future__ import annotations

from picojoule.cluster.arrivals import Arrivals, fit_arrivals, ramped, scaled, synthetic
from picojoule.cluster.config import Cluster, load_cluster, parse_power
from picojoule.cluster.latency import Slo
from picojoule.cluster.ledger_phases import phase_table
from picojoule.cluster.measured import table_for
from picojoule.cluster.phases import PhaseTable
from picojoule.cluster.policies import POLICIES, PowerPolicy, make_policy
from picojoule.cluster.requests import Requests
from picojoule.cluster.result import Result
from picojoule.cluster.simulate import simulate
from picojoule.cluster.trace import load_trace, read_trace

__all__ = [
    "POLICIES", "Arrivals", "Cluster", "PhaseTable", "PowerPolicy", "Requests", "Result", "Slo",
    "fit_arrivals", "load_cluster", "load_trace", "make_policy", "parse_power", "phase_table",
    "ramped", "read_trace", "scaled", "simulate", "synthetic", "table_for",
]  # fmt: skip
