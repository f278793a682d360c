"""CoDeNet (Huang et al., arXiv 2006.08357): ShuffleNetV2, deformable upsampling, CenterNet heads.

Imports torch. Sizes are those of the authors' repository (Zhen-Dong/CoDeNet). A deformable 3×3
depthwise convolution is told as a plain one behind the 1×1 that makes its scale: the same work.
"""

from __future__ import annotations

import torch
from torch import nn

from picojoule.graph.workloads.build import conv_bn

__all__ = ["codenet"]

_WIDTHS = {1: (24, 116, 232, 464, 1024), 2: (24, 244, 488, 976, 2153)}
_UP = (256, 128, 64)
_HEADS = (20, 2, 2)  # classes of Pascal VOC, width and height, offset of the centre


class Unit(nn.Module):
    """A unit of ShuffleNetV2: half of the channels pass by; with a stride, both halves are made."""

    def __init__(self, into: int, out: int, stride: int) -> None:
        super().__init__()
        half = out // 2
        self.stride = stride
        given = into if stride == 2 else half
        self.main = nn.Sequential(
            conv_bn(given, half),
            conv_bn(half, half, 3, stride, groups=half, relu=False),
            conv_bn(half, half),
        )
        beside = [conv_bn(into, into, 3, 2, groups=into, relu=False), conv_bn(into, half)]
        self.beside = nn.Sequential(*beside) if stride == 2 else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, into, h, w) -> (batch, out, h / stride, w / stride), channels shuffled."""
        kept, changed = (x, x) if self.stride == 2 else x.chunk(2, 1)
        y = torch.stack((self.beside(kept), self.main(changed)), 2)
        return y.flatten(1, 2)


class Deformable(nn.Module):
    """A scale for each place, a depthwise convolution whose taps it moves, 1×1, upsampling."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.scale = nn.Conv2d(into, 1, 1)
        self.taps = nn.Conv2d(into, into, 3, padding=1, groups=into, bias=False)
        self.mix = conv_bn(into, out)
        self.up = nn.Upsample(scale_factor=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, into, h, w) -> (batch, out, 2h, 2w)."""
        scaled = x + self.scale(x).clamp(-7, 8)  # stands for moving the taps: both read both
        up: torch.Tensor = self.up(self.mix(self.taps(scaled)))
        return up


class Heads(nn.Module):
    """The centre map, the sizes and the offsets, each of the same features."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(
                conv_bn(width, width),
                conv_bn(width, width, 3, groups=width),
                nn.Conv2d(width, out, 1),
            )
            for out in _HEADS
        )

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """(batch, width, h, w) -> one map per head."""
        return [head(x) for head in self.heads]


def codenet(width: int = 1, *, pool: bool = False) -> nn.Module:
    """The detector on the meta device, ImageNet's classifier left out.

    width: 1 or 2, of ShuffleNetV2. pool: the stem halves the size and a maximum does the rest
    (configurations b and e), instead of a stride of 4.
    """
    stem, *stages, last = _WIDTHS[width]
    with torch.device("meta"):
        layers: list[nn.Module] = [conv_bn(3, stem, 3, 2 if pool else 4)]
        layers += [nn.MaxPool2d(3, 2, 1)] if pool else []
        for into, out, repeats in zip((stem, *stages), stages, (3, 7, 3), strict=False):
            layers += [Unit(into, out, 2), *(Unit(out, out, 1) for _ in range(repeats))]
        layers.append(conv_bn(stages[-1], last))
        layers += [Deformable(a, b) for a, b in zip((last, *_UP), _UP, strict=False)]
        return nn.Sequential(*layers, Heads(_UP[-1]))
