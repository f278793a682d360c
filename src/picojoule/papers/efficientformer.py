"""EfficientFormer: sizes of three models."""

from __future__ import annotations

from pathlib import Path

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.papers.sizes import size_findings

_NOTE = "the released layers do not give the printed digit"
_TABLE = {"L1": (12.3, 1.3), "L3": (31.3, 3.9), "L7": (82.1, 10.2)}


def check(data: Path | None) -> list[Finding]:
    """Parameters and MACs to half of the last printed digit."""
    from picojoule.graph.workloads.efficientformer import efficientformer

    return [
        f for name, (m, g) in _TABLE.items()
        for f in size_findings(f"EfficientFormer-{name}", efficientformer(name), m, g,
                               slack=(0.05, 0.05), note=_NOTE)
    ]  # fmt: skip


PAPER = Paper(
    name="efficientformer",
    row=140,
    title="EfficientFormer: vision transformers at MobileNet speed",
    source="Li et al., NeurIPS 2022, arXiv 2206.01191, Table 1",
    claim="Pooling mixers early and attention in the last blocks, slimmed by latency.",
    composition="graph.workloads.efficientformer",
    verdict=Verdict.PARTLY,
    check=check,
    needs=("torch",),
    seconds=3,
)
