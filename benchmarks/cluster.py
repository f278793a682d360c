"""The cluster simulator: speed, agreement with its reference, and POLCA on the Azure traces.

python benchmarks/cluster.py speed          requests per CPU second, one core
python benchmarks/cluster.py weeks [days]   52 servers at 1 s power resolution, default 42 days
python benchmarks/cluster.py reference [n]  random cases against the event-by-event reference
python benchmarks/cluster.py polca          servers and brakes by policy, both traces, two models

PICOJOULE_DATA names the folder with azure_llm_2023. Results stand in docs/cluster.md.
"""

import os
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

import msgspec

from picojoule.cluster import (
    fit_arrivals,
    load_cluster,
    load_trace,
    ramped,
    scaled,
    simulate,
    synthetic,
    table_for,
)

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("PICOJOULE_DATA", ROOT.parent / "shared/data")) / "azure_llm_2023"
ROW = load_cluster(ROOT / "examples" / "cluster.toml")
PEAK = 0.79


def trace(name: str = "conv"):
    return load_trace(DATA / f"AzureLLMInferenceTrace_{name}.csv")


def timed(*args, **options):
    start = time.process_time()
    return simulate(*args, **options), time.process_time() - start


def speed() -> None:
    source, table = fit_arrivals(trace()), table_for(ROW)
    for policy, budget in (("none", "260 kW"), ("polca", "260 kW"), ("polca", "160 kW")):
        result, seconds = timed(
            synthetic(source, 12 * 3600), ROW.sized(40, budget), policy=policy, phases=table
        )
        n = sum(result.latencies.requests(p) for p in (0, 1))
        print(f"{policy}, {budget}: {n:,} requests, {result.caps} orders in {seconds:.2f} CPU s, "
              f"{n / seconds:,.0f}/s")  # fmt: skip


def weeks(days: float = 42) -> None:
    """Conversations, also as a third of the requests with three times the tokens, on 52 servers.

    Below 260 kW the policy has nothing to do; below 160 kW it acts all the time.
    """
    base, table = fit_arrivals(trace()), table_for(ROW)
    for longer, budget in ((3, "260 kW"), (3, "160 kW"), (1, "260 kW")):
        source = replace(base, daily_swing=0.3, output_tokens=base.output_tokens * longer)
        source = source.times(52 / 40 * 0.8 / longer)
        result, seconds = timed(
            synthetic(source, days * 86_400), ROW.sized(52, budget), policy="polca", phases=table
        )
        n = sum(result.latencies.requests(p) for p in (0, 1))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        tokens = base.output_tokens.mean() * longer
        print(f"{budget}: {days:g} days, {n:,} requests of {tokens:.0f} tokens in {seconds:.0f} "
              f"CPU s, {n / seconds:,.0f}/s; {result.brakes} brakes, {result.caps} orders, "
              f"peak {result.peak_share:.1%}; {peak:.2f} GB")  # fmt: skip


def reference(n: int = 10_000) -> None:
    sys.path.insert(0, str(ROOT / "tests/unit/cluster"))
    from cluster_cases import disagreement

    wrong = {seed: d for seed in range(n) if (d := disagreement(seed))}
    print(f"{n - len(wrong)} of {n} cases agree", wrong or "")


def polca() -> None:
    for model in ("llama2-70b", "bloom-176b"):
        row = msgspec.structs.replace(ROW, model=model)
        table = table_for(row)
        for name in ("conv", "code"):
            day = trace(name)
            base = ramped(day, 600)
            free = simulate(base, row.sized(40, "900 MW"), policy="none", phases=table)
            budget = f"{free.power.peak_w / PEAK:.1f} W"
            print(f"\n{model}, {name}: 40 servers peak at {free.power.peak_w / 1e3:.1f} kW")
            for servers in (50, 52, 54, 56):
                load = scaled(base, servers / 40)
                alone = simulate(load, row.sized(servers, "900 MW"), policy="none", phases=table)
                share = alone.power.peak_w / (free.power.peak_w / PEAK)
                print(f"  {servers} servers, own peak {share:.1%} of the budget")
                for policy in ("none", "one-threshold-low", "one-threshold", "all-low", "polca"):
                    held = simulate(load, row.sized(servers, budget), policy=policy, phases=table)
                    print(f"    {policy:18s} {held.brakes:4d} brakes  {slower(held, alone)}")


def slower(held, alone) -> str:
    """Increase of end-to-end latency."""
    found = []
    for name, p in (("high", 1), ("low", 0)):
        for q in (0.5, 0.99):
            before, after = (r.latencies.of["e2e_s", p].quantile(q) for r in (alone, held))
            found.append(f"{name} p{100 * q:g} {after / before - 1:+.1%}")
    return ", ".join(found)


if __name__ == "__main__":
    verbs = {"speed": speed, "weeks": weeks, "reference": reference, "polca": polca}
    verbs[sys.argv[1]](*map(int, sys.argv[2:3]))
