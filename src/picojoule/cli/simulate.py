"""pj simulate: a trace of requests on a row of servers under a power policy."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from picojoule.cli.bounds import within
from picojoule.cli.files import write_text
from picojoule.cli.terminal import Json, Output, emit, working, wrote
from picojoule.errors import InputError

if TYPE_CHECKING:
    from picojoule.cluster import Cluster, Requests, Slo

__all__ = ["simulate", "slo_of"]


def simulate(
    *,
    trace: Annotated[Path, Parameter(help="Requests: .csv or .parquet, Azure's format or ours.")],
    cluster: Annotated[Path, Parameter(help="The row: a TOML file.")],
    policy: Annotated[str, Parameter(help="Power policy.")] = "polca",
    servers: Annotated[int | None, Parameter(help="Servers, in place of the file's.")] = None,
    budget: Annotated[str | None, Parameter(help="Power budget, as 260kW.")] = None,
    load: Annotated[float, Parameter(help="Requests, as a multiple of the trace's.")] = 1.0,
    days: Annotated[
        float | None,
        Parameter(help="Days of synthetic requests, fitted to the trace."),
        within(0.001, 3660),
    ] = None,
    swing: Annotated[float, Parameter(help="Daily swing of these: 0.3 is 30% at the peak.")] = 0.3,
    ramp_s: Annotated[
        float, Parameter(help="Seconds over which the load is let in."), within(0)
    ] = 0.0,
    slo: Annotated[str, Parameter(help="Seconds per request, as ttft=2,tbt=0.1,e2e=60.")] = "",
    seed: Annotated[
        int, Parameter(help="Seed of priorities and of synthetic requests."), within(0)
    ] = 0,
    json: Json = False,
    output: Output = None,
) -> int:
    """Serve a trace on a row of servers under a power policy.

    Prints latency by priority, power against the budget, and joules per token.
    Exits with 1 when the row had to brake.
    """
    from picojoule.cluster import simulate as run

    row = _row(cluster, servers, budget)
    limits = slo_of(slo)
    with working(f"simulating {row.servers} servers under {policy}"):
        requests = _requests(trace, load, days, swing, ramp_s, seed)
        result = run(requests, row, policy=policy, seed=seed, slo=limits)
    document = result.to_dict()
    emit(document, lambda: _view(result, document), as_json=json)
    if output is not None:
        from picojoule.report.cluster_page import result_page
        from picojoule.report.documents import to_json

        write_text(output / "report.json", to_json(document))
        write_text(output / "report.html", result_page(result))
        wrote(output / "report.json", output / "report.html")
    return 1 if result.brakes else 0


def _view(result: Any, document: dict[str, Any]) -> Any:
    from picojoule.report.text_cluster import result_view

    return result_view(result, document)


def _row(path: Path, servers: int | None, budget: str | None) -> Cluster:
    from picojoule.cluster import load_cluster, parse_power

    row = load_cluster(path)
    if budget is not None:
        parse_power(budget, "--budget")
    if servers is not None and servers < 1:
        raise InputError("--servers starts at 1", got=servers)
    try:
        return row.sized(servers or row.servers, budget)
    except ValueError as error:
        raise InputError(str(error), where="--servers", got=servers) from None


def _requests(
    path: Path, load: float, days: float | None, swing: float, ramp_s: float, seed: int
) -> Requests | Iterable[Requests]:
    """Whole in memory only where all of it is needed at once."""
    from dataclasses import replace

    from picojoule.cluster import (
        fit_arrivals,
        load_trace,
        ramped,
        read_trace,
        scaled,
        synthetic,
    )

    if not 0 <= swing < 1:
        raise InputError("--swing is from 0 to 1", got=swing)
    if days is not None:
        source = replace(fit_arrivals(load_trace(path)), daily_swing=swing)
        return synthetic(source.times(load), days * 86_400, seed)
    if load == 1 and ramp_s == 0:
        return read_trace(path)
    whole = load_trace(path)
    return ramped(scaled(whole, load, seed) if load != 1 else whole, ramp_s, seed)


def slo_of(text: str) -> Slo:
    """'ttft=2,tbt=0.1' -> Slo. Raises InputError for anything else."""
    from picojoule.cluster import Slo

    found = {}
    for part in filter(None, text.split(",")):
        name, _, seconds = part.strip().partition("=")
        try:
            value = float(seconds.removesuffix("s"))
        except ValueError:
            value = -1.0
        if name not in ("ttft", "tbt", "e2e") or not value > 0:
            expected = "ttft, tbt or e2e and seconds, as ttft=2,tbt=0.1"
            raise InputError("not a limit", where="--slo", got=repr(part), expected=expected)
        found[f"{name}_s"] = value
    return Slo(**found)
