"""VanillaNet in its deployed form (Chen et al., arXiv 2305.12972, Table 4). Imports torch."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["DEPTHS", "vanillanet"]

_A = 512
# Widths over 512 of the 1×1 convolutions after the stem, and their pooling strides.
DEPTHS = {
    5: ((1, 2, 4, 8), (2, 2, 2)),
    6: ((1, 2, 4, 8, 8), (2, 2, 2, 1)),
    7: ((1, 1, 2, 4, 8, 8), (1, 2, 2, 2, 1)),
    8: ((1, 1, 2, 4, 4, 8, 8), (1, 2, 2, 1, 2, 1)),
    9: ((1, 1, 2, 4, 4, 4, 8, 8), (1, 2, 2, 1, 1, 2, 1)),
    10: ((1, 1, 2, 4, 4, 4, 4, 8, 8), (1, 2, 2, 1, 1, 1, 2, 1)),
}


def series(width: int) -> list[nn.Module]:
    """A series of shifted ReLUs: after training a ReLU and a depthwise 7×7 convolution."""
    return [nn.ReLU(), nn.Conv2d(width, width, 7, padding=3, groups=width)]


def vanillanet(depth: int) -> nn.Module:
    """5 to 10 layers, for 224 × 224 images and 1,000 classes."""
    widths, strides = DEPTHS[depth]
    with torch.device("meta"):
        layers: list[nn.Module] = [nn.Conv2d(3, _A, 4, 4), *series(_A)]
        for before, after, stride in zip(widths, widths[1:], strides, strict=False):
            layers.append(nn.Conv2d(before * _A, after * _A, 1))
            layers += [nn.MaxPool2d(stride)] if stride > 1 else []
            layers += series(after * _A)
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Conv2d(widths[-1] * _A, 1000, 1))
