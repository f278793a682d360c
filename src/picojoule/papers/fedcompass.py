"""FedCompass: local steps by speed, so that federated clients arrive together and nobody waits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from picojoule.cluster.fleet import Client, Compass, FleetPolicy, Synchronous, simulate_fleet
from picojoule.cluster.fleet.simulate import FleetResult
from picojoule.cluster.fleet.staleness import polynomial
from picojoule.papers.paper import Finding, Paper, Verdict

_HORIZON_S, _BUSY_W, _IDLE_W = 50_000.0, 10.0, 3.0


def run(policy: FleetPolicy, slowest: float) -> FleetResult:
    """Eight clients, one step in 1 to `slowest` seconds, evenly spaced."""
    paces = np.linspace(1, slowest, 8).tolist()
    fleet = [Client(f"client {i}", 1 / s, _BUSY_W, _IDLE_W) for i, s in enumerate(paces)]
    return simulate_fleet(fleet, policy, _HORIZON_S)


def _findings() -> Iterator[Finding]:
    expected = {1: (0.0, 0.0, 400e3, 400e3), 2: (0.25, 0.008, 200e3, 278e3),
                5: (0.40, 0.015, 80e3, 171e3)}  # fmt: skip
    for slowest, (waiting, _, steps, more_steps) in expected.items():
        sync, compass = run(Synchronous(100), slowest), run(Compass(100, 20, 1.5), slowest)
        name = f"slowest {slowest}x"
        busy_j = _BUSY_W * compass.busy_s.sum() + _IDLE_W * compass.idle_s.sum()
        yield Finding(f"{name}: idle share in step", waiting, sync.idle_share, "", 1e-6)
        yield Finding(f"{name}: idle share", 0.03 if waiting else 1e-9, compass.idle_share, "", 0,
                      "<=")  # fmt: skip
        yield Finding(f"{name}: steps in step", steps, float(sync.steps.sum()), "", 0.02)
        yield Finding(f"{name}: steps", more_steps, float(compass.steps.sum()), "", 0.02)
        yield Finding(f"{name}: fewest steps given", 20, min(compass.given), "", 0, ">=")
        yield Finding(f"{name}: most steps given", 100, max(compass.given), "", 0, "<=")
        yield Finding(f"{name}: ledger over busy and idle joules", 1,
                      compass.ledger().total().energy.value / busy_j, "", 1e-9)  # fmt: skip
    yield Finding(
        "weight of an update 3 merges old over a fresh one, as first released", 1, (3 + 1) ** 0.5,
        "", 0, "<=",
        note="(u + 1)^0.5 favours the stale; later releases and FedAsync have the exponent "
        f"negative: {polynomial(3):g}",
    )  # fmt: skip


def check(data: Path | None) -> list[Finding]:
    """Idle shares and steps in 50,000 s at 1, 2 and 5 times heterogeneity, speeds known."""
    return list(_findings())


PAPER = Paper(
    name="fedcompass",
    row=116,
    title="FedCompass: efficient cross-silo federated learning on heterogeneous client devices",
    source="Li et al., ICLR 2024, arXiv 2309.14675; its released scheduler",
    claim="Steps assigned by computing power let groups of clients arrive together: less waiting "
    "than in synchronous rounds, less staleness than without them.",
    composition="Client × Compass(Q=100, Qmin=20, λ=1.5) against Synchronous → simulate_fleet",
    verdict=Verdict.PARTLY,
    check=check,
    seconds=2.0,
)
