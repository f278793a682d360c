"""FastDepth: a MobileNet whose decoder adds its early features back (Wofk et al., ICRA 2019).

Widths after pruning are those of the released model mobilenet-nnconv5dw-skipadd-pruned.
Imports torch.
"""

from __future__ import annotations

import itertools

import torch
from torch import nn

from picojoule.graph.workloads.build import conv_bn

__all__ = ["WIDTHS", "fastdepth"]

# Widths of the encoder's 14 layers and of the decoder's five, before and after pruning.
WIDTHS = {
    "full": ((32, 64, 128, 128, 256, 256, *[512] * 6, 1024, 1024), (512, 256, 128, 64, 32)),
    "pruned": ((16, 56, 88, 120, 144, 256, 408, 376, 272, 288, 296, 328, 480, 512),
               (200, 256, 120, 56, 16)),
}  # fmt: skip
_HALVING = (0, 2, 4, 6, 12)  # encoder layers of stride 2
_ADDED = {1: 5, 2: 3, 3: 1}  # decoder layer: the encoder layer whose output it adds


class FastDepth(nn.Module):
    """(batch, 3, h, w) -> (batch, 1, h, w), for h and w divisible by 32."""

    def __init__(self, encoder: tuple[int, ...], decoder: tuple[int, ...]) -> None:
        super().__init__()
        self.down = nn.ModuleList([conv_bn(3, encoder[0], 3, 2)])
        for i, (before, after) in enumerate(itertools.pairwise(encoder), 1):
            self.down.append(_separable(before, after, 3, 2 if i in _HALVING else 1))
        pairs = itertools.pairwise((encoder[-1], *decoder))
        self.up = nn.ModuleList(_separable(before, after, 5) for before, after in pairs)
        self.depth = conv_bn(decoder[-1], 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Depth per pixel."""
        seen = []
        for layer in self.down:
            x = layer(x)
            seen.append(x)
        for i, layer in enumerate(self.up):
            x = nn.functional.interpolate(layer(x), scale_factor=2, mode="nearest")
            x = x + seen[_ADDED[i]] if i in _ADDED else x
        out: torch.Tensor = self.depth(x)
        return out


def fastdepth(name: str = "pruned") -> nn.Module:
    """'full' or 'pruned', for 224 × 224 images."""
    with torch.device("meta"):
        return FastDepth(*WIDTHS[name])


def _separable(into: int, out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(conv_bn(into, into, kernel, stride, groups=into), conv_bn(into, out))
