"""E2GC: groups of constant size instead of a constant number of groups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from picojoule.papers.paper import Finding, Paper, Verdict

# MobileNetV1: channels into and out of each pair of convolutions, stride of the first.
_LAYERS = (
    (32, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2),
    *[(512, 512, 1)] * 5, (512, 1024, 2), (1024, 1024, 1),
)  # fmt: skip
_GROUPS, _SIZES, _BATCH = 32, (4, 8), 32  # 685 MMAC, between 621 and 690
_PUBLISHED = 1.108  # MobileNetV1 on a P100


def check(data: Path | None) -> list[Finding]:
    """Arithmetic intensity of one layer; then two networks at equal MACs on a V100."""
    from picojoule.transforms.rewrite import ConstantGroupSize

    fixed = mobilenet(_GROUPS)
    macs, joules = cost(fixed)
    sized = [cost(ConstantGroupSize(size).apply(fixed).model) for size in _SIZES]
    better = joules / float(np.interp(macs, [m for m, _ in sized], [j for _, j in sized]))
    return [
        *(Finding(f"operations per element of a layer, G={g}", published, intensity(g), "", 1e-9)
          for g, published in ((4, _formula(4)), (8, 36.0), (64, _formula(64)))),
        Finding("MACs per joule at equal MACs, constant size over number: above 1", 1.0, better,
                "", 0, ">="),
        Finding("the same, against the gain measured on a P100", _PUBLISHED, better, "", 0.03,
                note="the right sign, a small part of the gain: the roofline knows the bytes of "
                "both, not how a P100's kernels handle many small groups"),
    ]  # fmt: skip


def cost(model: Any) -> tuple[float, float]:
    """(MACs, joules) of a batch of images."""
    import torch

    from picojoule.cost import estimate
    from picojoule.graph.count import count
    from picojoule.graph.trace import trace

    graph = trace(model, torch.empty(_BATCH, 3, 224, 224, device="meta"))
    return float(count(graph).macs), estimate(graph, "v100-sxm2").total().energy.value


def mobilenet(groups: int) -> Any:
    """MobileNetV1 whose 3 × 3 convolutions have so many groups."""
    from torch import nn

    from picojoule.graph.workloads.build import conv_bn

    layers = [conv_bn(3, 32, 3, 2)]
    for into, out, stride in _LAYERS:
        layers += [conv_bn(into, into, 3, stride, groups), conv_bn(into, out)]
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 1000)
    return nn.Sequential(*layers, *head).eval()


def intensity(size: int, channels: int = 64, side: int = 6) -> float:
    """Operations per element read or written by a 3 × 3 layer with groups of `size` channels."""
    import torch

    from picojoule.graph.count import count
    from picojoule.graph.trace import trace

    conv = torch.nn.Conv2d(channels, channels, 3, 1, 1, groups=channels // size, bias=False)
    counts = count(trace(conv, torch.empty(1, channels, side, side)))
    return counts.flops / (counts.bytes_moved / 4)


def _formula(g: int, n: int = 64, places: int = 36) -> float:
    """2·MAC / (k²GN + (M + N)·hw); half of its limit 2·hw at G = (M + N)·hw / (k²N) = 8."""
    return 2 * 9 * g * n * places / (9 * g * n + 2 * n * places)


PAPER = Paper(
    name="e2gc",
    row=0,
    title="E2GC: energy-efficient group convolution in deep neural networks",
    source="Jha et al., VLSID 2020, arXiv 2006.15100 (abstract)",
    claim="At equal MACs, groups of constant size are 10.8% more energy-efficient than a constant "
    "number of groups (MobileNetV1, P100).",
    composition="Rewrite(ConstantGroupSize(4 | 8)) × roofline on a V100, beside 32 groups",
    verdict=Verdict.PARTLY,
    check=check,
    needs=("torch",),
    seconds=8,
)
