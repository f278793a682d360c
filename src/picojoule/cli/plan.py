"""pj plan: how many servers fit under a power budget."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from picojoule.cli.bounds import within
from picojoule.cli.files import write_text
from picojoule.cli.simulate import slo_of
from picojoule.cli.terminal import Json, emit, folder, working, wrote
from picojoule.errors import InputError
from picojoule.quantity import parse_fraction

__all__ = ["plan"]


def plan(
    *,
    trace: Annotated[Path, Parameter(help="Requests that the file's row of servers gets.")],
    cluster: Annotated[Path, Parameter(help="The row: a TOML file.")],
    budget: Annotated[str | None, Parameter(help="Power budget, as 400kW.")] = None,
    peak: Annotated[
        str | None, Parameter(help="Or the budget of which the row's own peak is this share, 79%.")
    ] = None,
    policy: Annotated[str, Parameter(help="Power policy.")] = "polca",
    slo: Annotated[str, Parameter(help="Seconds per request, as ttft=2,tbt=0.1,e2e=60.")] = "",
    attain: Annotated[str, Parameter(help="Share of requests that keep the SLO.")] = "99%",
    slower: Annotated[
        str,
        Parameter(help="Largest increase of latency: high p50, high p99, low p50, low p99."),
    ] = "1%,5%,5%,50%",
    seeds: Annotated[int, Parameter(help="How many seeds each size must pass.")] = 3,
    ramp_s: Annotated[
        float, Parameter(help="Seconds over which the load is let in."), within(0)
    ] = 600.0,
    sensitivity: Annotated[
        bool, Parameter(help="Also vary peak, actuation latency and priorities.")
    ] = False,
    engine: Annotated[str, Parameter(help="process, serial or ray.")] = "process",
    workers: Annotated[int | None, Parameter(help="Processes."), within(1)] = None,
    journal: Annotated[
        Path | None, Parameter(help="File that keeps finished runs, to resume.")
    ] = None,
    json: Json = False,
    output: Annotated[
        Path | None,
        Parameter(
            name=["--output", "-o"], help="Folder to write report.json to.", validator=folder
        ),
    ] = None,
) -> int:
    """How many servers fit under a power budget, and how many of these need no policy.

    The load grows with the servers. A size fits when no seed brakes and all limits are kept.
    """
    from picojoule.cluster import load_cluster, load_trace, parse_power, ramped
    from picojoule.cluster.planning import Limits
    from picojoule.cluster.planning import plan as search
    from picojoule.cluster.sweep import engine as executors

    if budget is not None and peak is not None:
        raise InputError("give --budget or --peak", got="both")
    row = load_cluster(cluster)
    if budget is not None:
        parse_power(budget, "--budget")
        row = row.sized(row.servers, budget)
    share = None if peak is None else parse_fraction(peak)
    if share is not None and not 0 < share <= 1:
        raise InputError("--peak is a share of the budget", got=peak, expected="as 79%")
    attained = parse_fraction(attain)
    if not 0 < attained <= 1:
        raise InputError("--attain is a share of the requests", got=attain, expected="as 99%")
    high_p50, high_p99, low_p50, low_p99 = _slower(slower)
    limits = Limits(high_p50, high_p99, low_p50, low_p99, attainment=attained, slo=slo_of(slo))
    requests = ramped(load_trace(trace), ramp_s)
    with working(f"planning for {policy}") as tell, executors(engine, workers) as executor:
        found = search(
            requests, row, policy=policy, limits=limits, peak_share=share, seeds=seeds,
            sensitivity=sensitivity, executor=executor, journal=journal, tell=tell,
        )  # fmt: skip
    from picojoule.report.text_cluster import plan_view

    document = found.to_dict()
    emit(document, lambda: plan_view(found), as_json=json)
    if output is not None:
        write_text(output / "report.json", msgspec.json.encode(document).decode())
        wrote(output / "report.json")
    return 0


def _slower(text: str) -> list[float]:
    parts = text.split(",")
    if len(parts) != 4:
        raise InputError("not four limits", where="--slower", got=text, expected="as 1%,5%,5%,50%")
    return [parse_fraction(part) for part in parts]
