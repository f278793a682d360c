"""VanillaNet: plain layers, and the merge of two 1×1 convolutions that makes them few."""

from __future__ import annotations

from pathlib import Path

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.papers.sizes import size_findings

_TABLE = {5: (15.52, 5.16), 6: (32.51, 5.99), 7: (32.80, 6.89), 8: (37.10, 7.74),
          9: (41.40, 8.58), 10: (45.69, 9.42)}  # fmt: skip


def check(data: Path | None) -> list[Finding]:
    """Sizes of six depths, and merged against separate convolutions."""
    import torch

    from picojoule.graph.workloads.vanillanet import vanillanet
    from picojoule.transforms.rewrite import MergePointwise

    torch.manual_seed(0)
    pair = torch.nn.Sequential(torch.nn.Conv2d(16, 16, 1), torch.nn.Conv2d(16, 32, 1))
    x = torch.randn(1, 16, 9, 9)
    with torch.no_grad():
        wrong = float((MergePointwise().apply(pair).model(x) - pair(x)).abs().max())
    sizes = [
        f for depth, (m, g) in _TABLE.items()
        for f in size_findings(f"VanillaNet-{depth}", vanillanet(depth), m, g, slack=(5e-3, 5e-3))
    ]  # fmt: skip
    return [*sizes, Finding("merged against separate convolutions, largest difference", 1e-5,
                            wrong, relation="<=")]  # fmt: skip


PAPER = Paper(
    name="vanillanet",
    row=156,
    title="VanillaNet: the power of minimalism in deep learning",
    source="Chen et al., NeurIPS 2023, arXiv 2305.12972, Table 4",
    claim="Without shortcuts or attention, 5 to 10 layers suffice; their 'FLOPs' are MACs.",
    composition="graph.workloads.vanillanet, Rewrite(1×1 ∘ 1×1 merge, exact)",
    verdict=Verdict.REPRODUCED,
    check=check,
    needs=("torch",),
    seconds=2,
)
