"""EfficientViT: sizes of six models, and how little MACs say about speed."""

from __future__ import annotations

from pathlib import Path

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.papers.sizes import size_findings

# Published parameters (10⁶) and MACs (10⁹); images per second of a V100 of the first and last.
_TABLE = {"M0": (2.3, 0.079), "M1": (3.0, 0.167), "M2": (4.2, 0.201), "M3": (6.9, 0.263),
          "M4": (8.8, 0.299), "M5": (12.4, 0.522)}  # fmt: skip
_FASTEST, _SLOWEST = 27_644, 10_621


def check(data: Path | None) -> list[Finding]:
    """Sizes; then the ratio of MACs beside the ratio of speeds."""
    from picojoule.graph.workloads.efficientvit import efficientvit

    found = [
        f for name, (m, g) in _TABLE.items()
        for f in size_findings(name, efficientvit(name), m, g, slack=(0.05, 5e-4),
                               note="the table cuts digits off here, and rounds elsewhere")
    ]  # fmt: skip
    macs = {f.what: f.ours for f in found}
    ratio = macs["MACs of M5"] / macs["MACs of M0"]
    return [*found, Finding(
        "published time of M5 over M0; ours: MACs", _FASTEST / _SLOWEST, ratio, "x", 0.1,
        note="6.6 times the MACs take 2.6 times as long: MACs are not time",
    )]  # fmt: skip


PAPER = Paper(
    name="efficientvit",
    row=141,
    title="EfficientViT: memory efficient vision transformer with cascaded group attention",
    source="Liu et al., CVPR 2023, arXiv 2305.07027, Table 2",
    claim="Heads that see parts of the channels in a cascade; 79 to 522 MMAC.",
    composition="graph.workloads.efficientvit",
    verdict=Verdict.PARTLY,
    check=check,
    needs=("torch",),
    seconds=15,
)
