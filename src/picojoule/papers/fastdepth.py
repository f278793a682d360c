"""FastDepth: half of the MACs pruned away, and a bound on joules per frame."""

from __future__ import annotations

from pathlib import Path

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.papers.sizes import size_findings

_CPU_S, _GPU_S, _MOST_W = 0.037, 0.0056, 10.0  # Jetson TX2


def check(data: Path | None) -> list[Finding]:
    """MACs before and after pruning; the printed rates; joules on newer boards."""
    from picojoule.cost import estimate
    from picojoule.graph.trace import trace
    from picojoule.graph.workloads.build import image
    from picojoule.graph.workloads.fastdepth import fastdepth

    graph = trace(fastdepth("pruned").eval(), image())
    bound_mj = 1e3 * _MOST_W * _GPU_S
    joules = {chip: estimate(graph, chip).total().energy.value
              for chip in ("jetson-agx-orin", "jetson-orin-nano")}  # fmt: skip
    return [
        *size_findings("FastDepth before pruning", fastdepth("full"), None, 0.74,
                       slack=(0, 5e-3)),
        *size_findings("FastDepth", fastdepth("pruned"), None, 0.37, slack=(0, 5e-3)),
        Finding("frames per second of 37 ms", 27, 1 / _CPU_S, "1/s", 0.5 / 27),
        Finding("frames per second of 5.6 ms", 178, 1 / _GPU_S, "1/s", 0.6 / 178),
        *(Finding(f"joules per frame on a {chip}, below the TX2's bound", bound_mj, 1e3 * j, "mJ",
                  0, "<=") for chip, j in joules.items()),
    ]  # fmt: skip


PAPER = Paper(
    name="fastdepth",
    row=94,
    title="FastDepth: fast monocular depth estimation on embedded systems",
    source="Wofk et al., ICRA 2019, arXiv 1903.03273; widths of the released pruned model",
    claim="A pruned MobileNet with a depthwise decoder estimates depth in 0.37 GMAC, 178 frames "
    "per second below 10 W.",
    composition="graph.workloads.fastdepth × roofline on two Jetsons; ≤ 10 W × 5.6 ms = 56 mJ",
    verdict=Verdict.REPRODUCED,
    check=check,
    needs=("torch",),
    seconds=3,
)
