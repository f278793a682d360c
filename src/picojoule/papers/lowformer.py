"""LowFormer: sizes of four models, and their speeds beside what a roofline predicts."""

from __future__ import annotations

from pathlib import Path

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.papers.sizes import size_findings

# Parameters (10⁶), MACs (10⁹) and images per second of an A40, batch 200. All printed MACs and some
# parameters (17.936, 33.982) are cut off, not rounded.
_TABLE = {"B0": (14.1, 0.944, 5988), "B1": (17.9, 1.410, 4237), "B1.5": (33.9, 2.573, 2739),
          "B3": (57.1, 6.098, 1162)}  # fmt: skip
_BATCH = 200


def check(data: Path | None) -> list[Finding]:
    """Sizes; then time relative to the smallest model, measured against predicted."""
    from picojoule.graph.workloads.lowformer import lowformer

    found = [
        f for name, (m, g, _) in _TABLE.items()
        for f in size_findings(f"LowFormer-{name}", lowformer(name), m, g, slack=(0.1, 1e-3))
    ]  # fmt: skip
    seconds = {name: _seconds(name) for name in _TABLE}
    return [
        *found,
        *(Finding(f"time of {name} over B0 at batch {_BATCH}, predicted for an A100",
                  _TABLE["B0"][2] / speed, seconds[name] / seconds["B0"], "x", 0.2).unless_it_holds(
                      "larger models reach more of the peak; the roofline has one share for all")
          for name, (_, _, speed) in _TABLE.items() if name != "B0"),
    ]  # fmt: skip


def _seconds(name: str) -> float:
    """Of one batch on the catalogue's chip that is nearest to an A40."""
    import torch

    from picojoule.cost import estimate
    from picojoule.graph.trace import trace
    from picojoule.graph.workloads.lowformer import lowformer

    images = torch.empty(_BATCH, 3, 224, 224, device="meta")
    return estimate(trace(lowformer(name).eval(), images), "a100-sxm-80gb").total().time.value


PAPER = Paper(
    name="lowformer",
    row=142,
    title="LowFormer: hardware efficient design for convolutional transformer backbones",
    source="Nottebaum et al., WACV 2025, arXiv 2409.03460; released configurations and table",
    claim="Attention at low resolution and fused convolutions run faster than their MACs say.",
    composition="graph.workloads.lowformer × roofline on an A100",
    verdict=Verdict.PARTLY,
    check=check,
    needs=("torch",),
    seconds=8,
)
