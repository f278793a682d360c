"""EfficientMod: sizes of three models."""

from __future__ import annotations

from pathlib import Path

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.papers.sizes import size_findings

_TABLE = {"xxs": 4.7, "xs": 6.6, "s": 12.9}


def check(data: Path | None) -> list[Finding]:
    """Parameters to the printed digit."""
    from picojoule.graph.workloads.efficient_mod import efficient_mod

    return [
        f for name, m in _TABLE.items()
        for f in size_findings(f"EfficientMod-{name}", efficient_mod(name), m, slack=(0.05, 0))
    ]  # fmt: skip


PAPER = Paper(
    name="efficient-mod",
    row=144,
    title="Efficient modulation for vision networks",
    source="Ma et al., ICLR 2024, arXiv 2403.19963; released models",
    claim="A depthwise context that multiplies an MLP's inside takes the place of attention in "
    "most blocks.",
    composition="graph.workloads.efficient_mod",
    verdict=Verdict.REPRODUCED,
    check=check,
    needs=("torch",),
    seconds=2,
)
