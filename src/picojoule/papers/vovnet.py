"""VoVNet: one concatenation moves fewer bytes than one at every layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.papers.sizes import size_findings


def check(data: Path | None) -> list[Finding]:
    """Sizes, and bytes of a one-shot and a dense block of as many MACs."""
    import torch

    from picojoule.graph.workloads.vovnet import OneShot, dense_block, vovnet

    with torch.device("meta"):
        one_shot = OneShot(128, 64, 128)
    dense = dense_block(128, 32)  # 9·(640g + 10g²) MACs per place, beside 278,528: g = 32.2
    x = torch.empty(1, 128, 28, 28, device="meta")
    (shot_macs, shot_bytes), (dense_macs, dense_bytes) = (_counts(b, x) for b in (one_shot, dense))
    return [
        *(f for name, m in (("27s", 3.53), ("39", 22.60), ("57", 36.64))
          for f in size_findings(f"VoVNet-{name}", vovnet(name), m, slack=(5e-3, 0))),
        Finding("MACs of the dense block over the one-shot block", 1.0, dense_macs / shot_macs,
                tolerance=0.02),
        Finding("bytes moved, one-shot over dense", 1.0, shot_bytes / dense_bytes, relation="<="),
    ]  # fmt: skip


def _counts(block: Any, x: Any) -> tuple[float, float]:
    """(MACs, bytes read and written) of one block."""
    from picojoule.graph.count import count
    from picojoule.graph.trace import trace

    counts = count(trace(block.eval(), (x,)))
    return float(counts.macs), float(counts.bytes_moved)


PAPER = Paper(
    name="vovnet",
    row=2,
    title="An energy and GPU-computation efficient backbone network for real-time object detection",
    source="Lee et al., CVPR Workshops 2019, arXiv 1904.09730",
    claim="Concatenating once at the end of a block moves less memory than a dense block of as "
    "many MACs.",
    composition="graph.workloads.vovnet, Rewrite(dense concatenation → one-shot aggregation)",
    verdict=Verdict.REPRODUCED,
    check=check,
    needs=("torch",),
    seconds=2,
)
