"""LeYOLO: operations of the smallest detector, and how they grow with resolution."""

from __future__ import annotations

from pathlib import Path

from picojoule.papers.paper import Finding, Paper, Verdict

_PRINTED = {320: 0.66, 480: 1.47}  # 10⁹ operations


def check(data: Path | None) -> list[Finding]:
    """Two operations per MAC at two resolutions; their ratio."""
    from picojoule.graph.count import count
    from picojoule.graph.trace import trace
    from picojoule.graph.workloads.build import image
    from picojoule.graph.workloads.leyolo import leyolo_nano

    model = leyolo_nano().eval()
    flops = {side: count(trace(model, image(side))).flops / 1e9 for side in _PRINTED}
    return [
        *(Finding(f"operations of LeYOLO Nano at {side}", printed, flops[side], "10⁹", 0.01,
                  note="two per MAC of the released layers; with four per normalised value more it "
                  "is 0.667 and 1.501")
          for side, printed in _PRINTED.items()),
        Finding("growth from 320 to 480: the square of the side", _PRINTED[480] / _PRINTED[320],
                flops[480] / flops[320], "x", 0.015),
    ]  # fmt: skip


PAPER = Paper(
    name="leyolo",
    row=192,
    title="LeYOLO, new scalable and efficient CNN architecture for object detection",
    source="Hollard et al., arXiv 2406.14239; released leyolonano.yaml and head",
    claim="A detector in 0.66 GFLOP at 320 × 320.",
    composition="graph.workloads.leyolo",
    verdict=Verdict.PARTLY,
    check=check,
    needs=("torch",),
    seconds=2,
)
