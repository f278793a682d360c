"""SqueezeNet 1.0: the parameter count, exactly."""

from __future__ import annotations

from pathlib import Path

from picojoule.papers.paper import Finding, Paper, Verdict


def check(data: Path | None) -> list[Finding]:
    """Parameters, and how many times fewer than AlexNet's 61 million."""
    from picojoule.graph.workloads.build import parameters
    from picojoule.graph.workloads.squeezenet import squeezenet

    size = parameters(squeezenet())
    return [
        Finding("parameters", 1_248_424, size),
        Finding("AlexNet's 61 million over them", 50, 61e6 / size, "x", 0.03),
    ]


PAPER = Paper(
    name="efficient-dnns-thesis",
    row=63,
    title="Efficient deep neural networks (thesis): SqueezeNet",
    source="Wu 2019, arXiv 1908.08926; Iandola et al., arXiv 1602.07360",
    claim="Fire modules reach AlexNet's accuracy with 50 times fewer parameters.",
    composition="graph.workloads.squeezenet",
    verdict=Verdict.REPRODUCED,
    check=check,
    needs=("torch",),
)
