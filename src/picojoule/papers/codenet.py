"""CoDeNet: deformable convolution with bounded offsets, and sizes of the detectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.cost.line_buffer import lines_needed
from picojoule.papers.paper import Finding, Paper, Verdict

KERNEL, BOUND = 3, 8  # the repository's bound
# Configurations of Table 3: width, side of the image, max-pooled stem, printed 10⁹ MACs.
CONFIGS = {
    "a": (1, 256, False, 0.29),
    "b": (1, 256, True, 0.29),
    "c": (1, 512, False, 1.14),
    "d": (2, 512, False, 3.54),
    "e": (2, 512, True, 3.58),
}
MIB = {1: 0.76, 2: 2.90}  # printed sizes at 4 bits
TINY_YOLO_MB = 60.5


def check(data: Path | None) -> list[Finding]:
    """Lines that bounded taps touch by trial; MACs and bytes of the traced detectors."""
    from picojoule.graph.workloads.build import parameters
    from picojoule.graph.workloads.codenet import codenet

    mib = {width: parameters(codenet(width)) / 2 / 2**20 for width in MIB}
    counted = {name: _macs(*config[:3]) for name, config in CONFIGS.items()}
    return [
        Finding("lines that 1e5 windows touch, 2R + k", lines_needed(KERNEL, BOUND), _touched()),
        *(Finding(f"size at 4 bits, width {w}", MIB[w], size, "MiB", 0.005 / MIB[w])
          for w, size in mib.items()),
        Finding("size of Tiny-YOLO over width 2", 20.9, TINY_YOLO_MB / mib[2], "", 0.003),
        *(Finding(f"MACs of configuration {name}", config[3], counted[name] / 1e9, "10⁹",
                  0.005 / config[3]).unless_it_holds(
                      "convolutions alone; the printed counts fit theirs plus 2 per normalised "
                      "element, without the deformable taps")
          for name, config in CONFIGS.items()),
        Finding("MACs at 512 over 256 pixels", 4, counted["c"] / counted["a"]),
    ]  # fmt: skip


def _macs(width: int, side: int, pool: bool) -> int:
    import torch

    from picojoule.graph import count
    from picojoule.graph.trace import trace
    from picojoule.graph.workloads.codenet import codenet

    image = torch.empty(1, 3, side, side, device="meta")
    return count(trace(codenet(width, pool=pool).eval(), (image,))).macs


def _touched() -> int:
    """Rows between the first and the last that windows at one place touch."""
    rng = np.random.default_rng(0)
    offsets = rng.integers(-BOUND, BOUND + 1, (100_000, KERNEL, KERNEL))
    rows = np.arange(KERNEL)[:, None] + offsets
    return int(rows.max() - rows.min() + 1)


PAPER = Paper(
    name="codenet",
    row=6,
    title="CoDeNet: efficient deployment of input-adaptive object detection on embedded FPGAs",
    source="Huang et al., FPGA 2021, arXiv 2006.08357, Table 3; sizes of Zhen-Dong/CoDeNet (MIT)",
    claim="Bounded offsets need a buffer of 2R + k lines instead of random accesses, in detectors "
    "of 0.29 to 3.58 GMAC and 0.76 to 2.90 MB.",
    composition="cost.line_buffer against trial; graph.workloads.codenet, traced and counted",
    verdict=Verdict.PARTLY,
    check=check,
    needs=("torch",),
    seconds=6,
)
