"""AP-BWE: parameters, and how far from real time one second of audio is."""

from __future__ import annotations

from pathlib import Path

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.papers.sizes import size_findings

_FRAMES = 600  # of one second: 48 kHz, one every 80 samples


def check(data: Path | None) -> list[Finding]:
    """Parameters of the network; a roofline of one second on the GPU of the measurement."""
    from picojoule.cost import estimate
    from picojoule.graph.count import count
    from picojoule.graph.trace import trace
    from picojoule.graph.workloads.ap_bwe import ap_bwe, spectra

    graph = trace(ap_bwe().eval(), spectra(_FRAMES))
    weights = count(graph).macs / _FRAMES / 1e6
    speed = 1 / estimate(graph, "rtx-4090").total().time.value
    return [
        *size_findings("AP-BWE", ap_bwe(), 29.76, slack=(5e-3, 0)),
        Finding("MACs per frame: each weight once", 29.76, weights, "10⁶", 0.01),
        Finding("seconds of audio per second on an RTX 4090, at most", 292.3, speed, "x", 0, ">="),
    ]


PAPER = Paper(
    name="ap-bwe",
    row=187,
    title="Towards high-quality and efficient speech bandwidth extension with parallel amplitude "
    "and phase prediction",
    source="Lu et al., arXiv 2401.06387; released configuration for 48 kHz",
    claim="Convolutions over frames alone extend speech to 48 kHz 292 times faster than real time.",
    composition="graph.workloads.ap_bwe × roofline on an RTX 4090",
    verdict=Verdict.REPRODUCED,
    check=check,
    needs=("torch",),
    seconds=2,
)
