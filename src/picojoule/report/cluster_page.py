"""The HTML page of a simulation of a serving row."""

from __future__ import annotations

from picojoule.cluster.latency import METRICS
from picojoule.cluster.result import PHASES, Result
from picojoule.report.cluster_charts import (
    energy_chart,
    latency_chart,
    power_chart,
    racks_chart,
)
from picojoule.report.html import fill
from picojoule.report.text_cluster import METRIC_NAMES, result_notes

__all__ = ["result_page"]


def result_page(result: Result) -> str:
    """The page. Raises MissingExtra without the extra `report`."""
    cluster = result.cluster
    charts = {
        "power": power_chart(result),
        "racks": racks_chart(result),
        "energy": energy_chart(result),
        **{metric: latency_chart(result, metric) for metric in METRICS},
    }
    return fill(
        "cluster.html",
        charts,
        title=f"{cluster.name}: {cluster.servers} servers under {result.policy}",
        result=result,
        total=result.ledger().total(),
        each=result.joules_per_token(),
        phases=PHASES,
        metrics={m: METRIC_NAMES[m] for m in METRICS},
        priorities=[(n, p) for n, p in (("high", 1), ("low", 0)) if result.latencies.requests(p)],
        notes=result_notes(result),
        settings=_settings(result),
    )


def _settings(result: Result) -> dict[str, str]:
    c = result.cluster
    return {
        "model": f"{c.model} ({c.dtype})", "phases": result.table.name,
        "row": f"{c.servers} servers in {c.racks} racks, {c.server.chips} chips each",
        "low-priority servers": f"{c.low_priority_share:.0%}", "policy": result.policy,
        "actuation": f"{c.control.actuation_s} s, brake {c.control.brake_s} s",
        "telemetry": f"every {c.control.period_s} s, {c.control.delay_s} s late",
        "seed": str(result.seed),
    }  # fmt: skip
