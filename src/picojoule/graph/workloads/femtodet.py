"""FemtoDet: a detector of 69 thousand weights (Tu et al., ICCV 2023, arXiv 2301.06719).

A MobileNetV2 of a quarter of the width and two groups late, one shared neck, one head at stride
16 for the 20 classes of VOC; layers as in the released configuration. In training each depthwise
convolution has a second branch that merges into it. Imports torch.
"""

from __future__ import annotations

import torch
from torch import nn

from picojoule.graph.workloads.build import conv_bn

__all__ = ["TwoNorms", "femtodet"]

_CLASSES, _NECK = 20, 64
# (expansion, width, blocks, stride, groups of the last 1×1) at a quarter of the width.
_STAGES = (
    (1, 8, 1, 1, 1), (4, 8, 2, 2, 1), (4, 8, 2, 2, 1), (4, 16, 3, 2, 1), (4, 24, 2, 1, 1),
    (4, 40, 2, 2, 2), (4, 80, 1, 1, 2),
)  # fmt: skip
_TAPS = (2, 4, 6)


class TwoNorms(nn.Module):
    """bn(conv x) + bn₂(conv x − σ(θ)·conv₁ x), the 1×1 kernel being the sum of the other."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride, 1, groups=width, bias=False)
        self.first, self.second = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.theta = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, width, h, w) -> (batch, width, h/stride, w/stride)."""
        y, kernel = self.conv(x), self.conv.weight.sum((2, 3), keepdim=True)
        flat = nn.functional.conv2d(x, kernel, stride=self.conv.stride, groups=self.conv.groups)
        out: torch.Tensor = self.first(y) + self.second(y - self.theta.sigmoid() * flat)
        return out.relu()


class Bottleneck(nn.Module):
    """1×1 to a wider inside, depthwise 3×3, 1×1 in groups; adds its input where shapes agree."""

    def __init__(self, into: int, out: int, expand: int, stride: int, groups: int) -> None:
        super().__init__()
        inner = into * expand
        self.adds = stride == 1 and into == out
        self.layers = nn.Sequential(
            *([conv_bn(into, inner)] if expand > 1 else []), TwoNorms(inner, stride),
            conv_bn(inner, out, groups=groups, relu=False),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, into, h, w) -> (batch, out, h/stride, w/stride)."""
        y: torch.Tensor = self.layers(x)
        return x + y if self.adds else y


class FemtoDet(nn.Module):
    """(batch, 3, h, w) -> class, box and object scores at stride 16."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, into = conv_bn(3, 8, 3, 2), 8
        self.stages = nn.ModuleList()
        for expand, width, blocks, stride, groups in _STAGES:
            stage = nn.Sequential()
            for i in range(blocks):
                stage.append(Bottleneck(into, width, expand, 1 if i else stride, groups))
                into = width
            self.stages.append(stage)
        self.neck = nn.ModuleList(conv_bn(_STAGES[tap][1], _NECK) for tap in _TAPS)
        self.join = nn.Sequential(conv_bn(_NECK, _NECK, 3, groups=_NECK), conv_bn(_NECK, _NECK))
        self.heads = nn.ModuleList(nn.Conv2d(_NECK, out, 1) for out in (_CLASSES, 4, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, 20 + 4 + 1, h/16, w/16)."""
        x, seen = self.stem(x), []
        for stage in self.stages:
            x = stage(x)
            seen.append(x)
        levels = [conv(seen[tap]) for conv, tap in zip(self.neck, _TAPS, strict=True)]
        side = levels[1].shape[-2:]
        both = self.join(sum(nn.functional.interpolate(level, side) for level in levels))
        return torch.cat([head(both) for head in self.heads], 1)


def femtodet() -> nn.Module:
    """As trained, with both branches; images of 416 × 416 in the paper."""
    with torch.device("meta"):
        return FemtoDet()
