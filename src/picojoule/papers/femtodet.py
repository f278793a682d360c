"""FemtoDet: its 68.77 thousand parameters are those of training; 67.02 are left to run."""

from __future__ import annotations

from pathlib import Path

from picojoule.papers.paper import Finding, Paper, Verdict

_POWER_W, _FRAMES_S = 1.11, 64.47  # Snapdragon 865


def check(data: Path | None) -> list[Finding]:
    """Parameters with and without the branch that merges; joules per frame of the phone."""
    from picojoule.graph.workloads.build import parameters
    from picojoule.graph.workloads.femtodet import TwoNorms, femtodet

    model = femtodet()
    branches = [m for m in model.modules() if isinstance(m, TwoNorms)]
    merged = sum(parameters(m.second) + m.theta.numel() for m in branches)
    every = parameters(model)
    return [
        Finding("parameters as trained", 68.77, every / 1e3, "10³", 0.005 / 68.77),
        Finding("parameters left to run, second branches merged", 68.77, (every - merged) / 1e3,
                "10³", 0, "<=", note="printed: a second norm and θ per depthwise layer too"),
        Finding("energy per frame at 1.11 W and 64.47 frames per second", 17.2,
                1e3 * _POWER_W / _FRAMES_S, "mJ", 0.05 / 17.2),
    ]  # fmt: skip


PAPER = Paper(
    name="femtodet",
    row=71,
    title="FemtoDet: an object detection baseline for energy versus performance tradeoffs",
    source="Tu et al., ICCV 2023, arXiv 2301.06719; released configuration",
    claim="A detector of 68.77 thousand parameters takes 17 mJ per frame on a phone.",
    composition="graph.workloads.femtodet; joules are arithmetic on the published watts and rate",
    verdict=Verdict.REPRODUCED,
    check=check,
    needs=("torch",),
    seconds=1,
)
