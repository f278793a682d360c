"""A simulation and a plan of a serving row as terminal tables."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from picojoule.cluster.latency import METRICS
from picojoule.cluster.planning import Plan
from picojoule.cluster.result import PHASES, Result
from picojoule.report.console import Col, Sheet, heading, note_lines, warning_line
from picojoule.report.words import amount, percent, signed_percent

__all__ = ["METRIC_NAMES", "plan_view", "result_notes", "result_view"]

METRIC_NAMES = {
    "ttft_s": "time to first token",
    "tbt_s": "time between tokens",
    "e2e_s": "end to end",
}


def result_view(result: Result, document: dict[str, Any]) -> RenderableType:
    """Latency by priority, joules per token by phase, and power against the budget."""
    cluster, power = result.cluster, result.power
    title = f"{cluster.servers} servers, {result.table.name}, policy {result.policy}"
    peak = f"{amount(power.peak_w, 'W')} ({percent(result.peak_share)} of the budget)"
    line = (
        f"power: mean {amount(power.mean_w, 'W')}, peak {peak}; {result.over_budget_s} s above it"
    )
    line += f", {result.brakes} brakes, {result.caps} orders"
    mark = warning_line if result.brakes else Text
    return Group(
        heading(title), _latencies(result), _energy(result), mark(line),
        Text(f"energy: {result.ledger().total().energy}"), *note_lines(result_notes(result)),
    )  # fmt: skip


def _latencies(result: Result) -> Sheet:
    sheet = Sheet([
        Col("latency", right=False), Col("priority", right=False), Col("requests"),
        Col("p50"), Col("p90"), Col("p99"), Col("mean", drop=1), Col("SLO kept"),
    ])  # fmt: skip
    for metric in METRICS:
        for name, priority in (("high", 1), ("low", 0)):
            n = result.latencies.requests(priority)
            if n:
                found = result.percentiles(priority)[metric]
                sheet.add(METRIC_NAMES[metric], name, f"{n:,}",
                          *(amount(found[q], "s") for q in ("p50", "p90", "p99", "mean")),
                          percent(result.latencies.attainment(priority)))  # fmt: skip
    return sheet


def _energy(result: Result) -> Sheet:
    sheet = Sheet([
        Col("energy", right=False), Col("joules"), Col("share"), Col("per token"),
        Col("per output token"), Col("time of replicas", drop=1),
    ])  # fmt: skip
    each, whole = result.joules_per_token(), result.energy.total_j
    all_s = sum(result.energy.seconds.values())
    for phase in PHASES:
        joules = result.energy.by_phase[phase]
        sheet.add(phase, amount(joules, "J"), percent(joules / whole),
                  amount(each[phase]["per_token"], "J"),
                  amount(each[phase]["per_output_token"], "J"),
                  percent(result.energy.seconds[phase] / all_s))  # fmt: skip
    sheet.rule()
    sheet.add("total", amount(whole, "J"), "", amount(each["total"]["per_token"], "J"),
              amount(each["total"]["per_output_token"], "J"), "", style="bold")  # fmt: skip
    return sheet


def result_notes(result: Result) -> list[str]:
    """What a reader must know beside the numbers."""
    server, response = result.cluster.server, result.cluster.response
    notes = [
        f"phases: {result.table.evidence.word}, {result.table.source}",
        f"power beside the chips: {server.other_idle_w.source}; {server.other_share.source}",
        f"answer to clocks: {response.source}",
        "per token counts prompt and output tokens",
    ]
    if result.rejected:
        notes.insert(0, f"{result.rejected} requests are longer than the KV cache of a replica and "
                        "were rejected")  # fmt: skip
    return notes


def plan_view(plan: Plan) -> RenderableType:
    """The answer, what is static about it, one more server, and the sensitivity."""
    budget = amount(plan.budget_w, "W")
    sizes = [
        (plan.static, f"without any policy: the peak of {plan.base} is "
                      f"{percent(plan.base_peak_w / plan.budget_w)} of the budget"),
        (plan.unbraked, f"without a brake under {plan.policy}"),
        (plan.fits, "with all limits kept as well"),
    ]  # fmt: skip
    lines = [f"{n} ({signed_percent(n / plan.base - 1, 0)}) {text}" for n, text in sizes]
    lines.append(f"{percent(plan.static_share, 0)} of the servers that power lets in beyond "
                 f"{plan.base} need no policy")  # fmt: skip
    n = len(plan.trials)
    lines.append(f"{n} of {n} seeds kept all limits: another one does with a chance of at least "
                 f"{percent(plan.confidence, 0)} (95% confidence)")  # fmt: skip
    answer = f"{plan.fits} servers fit under {budget} with {plan.policy}, {plan.base} in the file"
    return Group(heading(answer), *note_lines(lines), _trials(plan), *_sensitivity(plan))


def _trials(plan: Plan) -> Sheet:
    names = ("high_p50", "high_p99", "low_p50", "low_p99")
    sheet = Sheet([Col("servers"), Col("seed"), Col("own peak"), Col("brakes"), Col("orders"),
                   *(Col(n.replace("_", " ")) for n in names), Col("SLO kept"),
                   Col("limits", right=False)])  # fmt: skip
    for trial in (*plan.trials, *plan.next_trials):
        sheet.add(
            str(trial.servers), str(trial.seed), percent(trial.peak_w / plan.budget_w),
            str(trial.brakes), str(trial.orders),
            *(signed_percent(trial.slower.get(n, float("nan"))) for n in names),
            percent(trial.attainment), "kept" if trial.keeps(plan.limits) else "broken",
        )  # fmt: skip
    return sheet


def _sensitivity(plan: Plan) -> list[RenderableType]:
    if not plan.sensitivity:
        return []
    sheet = Sheet([Col("change", right=False), Col("to", right=False, wrap=True),
                   Col("no policy"), Col("no brake"), Col("all limits")])  # fmt: skip
    for what, value, *sizes in plan.sensitivity:
        sheet.add(str(what), str(value), *map(str, sizes))
    return [Text(""), sheet]
