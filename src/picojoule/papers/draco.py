"""MobileNetV1 with wider groups instead of depthwise convolutions, on a 64 × 64 array.

The array is Eyeriss's row-stationary one with 4096 units for 168. Its buffer and DRAM keep their
bandwidth, or get as much more as there are more units.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from picojoule.chips import Chip, load_chip
from picojoule.cost.spatial import Effort, nest_of
from picojoule.cost.units import CONTRACTIONS
from picojoule.extras import require
from picojoule.graph import Graph
from picojoule.graph.trace import trace
from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.search.explore import price, vary

UNITS, WIDER = 64 * 64, 64 * 64 / 168
# Output channels of the pointwise convolutions, and strides of the 3 × 3 before them (MobileNetV1,
# arXiv 1704.04861, table 1).
WIDTHS = [64, 128, 128, 256, 256, *[512] * 6, 1024, 1024]
STRIDES = [1, 2, 1, 2, 1, 2, *[1] * 5, 2, 1]
EFFORT = Effort(loops=5, samples=0, spreads=4, starts=1)


def mobilenet(group: int) -> Graph:
    """Its contractions with `group` channels in each group of the 3 × 3; 1 is depthwise."""
    torch = require("torch", "torch")
    conv = torch.nn.Conv2d
    with torch.device("meta"):
        layers: list[Any] = [conv(3, 32, 3, 2, 1, bias=False)]
        for (before, after), stride in zip(itertools.pairwise([32, *WIDTHS]), STRIDES, strict=True):
            layers.append(conv(before, before, 3, stride, 1, groups=before // group, bias=False))
            layers.append(conv(before, after, 1, bias=False))
        pooled = [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(1024, 1000)]
        graph = trace(torch.nn.Sequential(*layers, *pooled), (torch.zeros(1, 3, 224, 224),))
    return Graph(f"group {group}", tuple(op for op in graph.ops if op.kind in CONTRACTIONS))


def array(bandwidth: float) -> Chip:
    """Eyeriss with 64 × 64 units, `bandwidth` times its own to buffer and DRAM, and no launches."""
    base = load_chip("eyeriss")
    rates = {m.name: m.bandwidth_b_s.value * bandwidth for m in base.memory[:2]}
    wide = {f"memory.{name}.bandwidth_b_s": rate for name, rate in rates.items()}
    sides = {"spatial.axes.columns": 64, "spatial.axes.rows": 64}
    return vary(base, {**sides, **wide, "runtime.bare.launch_s": 1e-12})


def run(chip: Chip, group: int) -> tuple[float, float]:
    """Seconds of an image, and multiply-accumulates over those that the array could do in them."""
    graph = mobilenet(group)
    seconds = price(chip, {"m": graph}, {"mapping": "latency"}, effort=EFFORT).latency.value
    clock = chip.spatial.clock_hz.value if chip.spatial else 0.0
    return seconds, sum(nest_of(op).macs for op in graph.ops) / (UNITS * clock * seconds)


def check(data: Path | None) -> list[Finding]:
    """The faster of 2 and 4 channels per group against depthwise; 8 and 16 are slower than 4."""
    wide = {group: run(array(WIDER), group) for group in (1, 2, 4)}
    best = min(wide, key=lambda group: wide[group][0])
    own = {group: run(array(1.0), group)[0] for group in (1, best)}
    note = "of the whole network; the group sizes behind the printed figures aren't known"
    return [
        Finding("more utilisation, bandwidth grown with the array", 0.418,
                wide[best][1] / wide[1][1] - 1, relation=">="),
        Finding("less latency, bandwidth grown with the array", 0.426,
                1 - wide[best][0] / wide[1][0], relation=">=", note=note),
        Finding("less latency, Eyeriss's own bandwidth", 0.426, 1 - own[best] / own[1],
                relation=">=", note="4096 units wait for a 12.8 GB/s buffer either way"),
    ]  # fmt: skip


PAPER = Paper(
    name="draco",
    row=26,
    title="DRACO: co-optimizing hardware utilization, and performance of DNNs on systolic "
    "accelerator",
    source="Jha et al., ISVLSI 2020, arXiv 2006.15103; figures from its repository's README",
    claim="Wider groups in MobileNetV1 raise the utilisation of a 64 x 64 row-stationary array by "
    "41.8% and cut latency by 42.6%.",
    composition="cost.spatial on a varied Eyeriss (search.explore)",
    verdict=Verdict.PARTLY,
    check=check,
    needs=("torch",),
    seconds=8.0,
)
