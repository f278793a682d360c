"""EfficientFormer: pooling mixers, attention at the end (Li et al., arXiv 2206.01191, Table 1).

Imports torch.
"""

from __future__ import annotations

import torch
from torch import nn

from picojoule.graph.workloads.build import conv_bn

__all__ = ["SIZES", "efficientformer"]

# Widths, depths, and how many of the last blocks mix by attention.
SIZES = {
    "L1": ((48, 96, 224, 448), (3, 2, 6, 4), 1),
    "L3": ((64, 128, 320, 512), (4, 4, 12, 6), 4),
    "L7": ((96, 192, 384, 768), (6, 6, 18, 8), 8),
}
_HEADS, _KEY, _RATIO, _SIDE = 8, 32, 4, 7


class Mixer(nn.Module):
    """x + s₁·(pool(x) − x), then x + s₂·mlp(x): s are learned scales per channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(3, 1, 1, count_include_pad=False)
        self.mlp = nn.Sequential(
            nn.Conv2d(width, 4 * width, 1), nn.BatchNorm2d(4 * width), nn.GELU(),
            nn.Conv2d(4 * width, width, 1), nn.BatchNorm2d(width),
        )  # fmt: skip
        self.scale = nn.Parameter(torch.empty(2, width, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, width, h, w), unchanged in shape."""
        x = x + self.scale[0] * (self.pool(x) - x)
        out: torch.Tensor = x + self.scale[1] * self.mlp(x)
        return out


class Attention(nn.Module):
    """The same with attention over 7 × 7 tokens; values are four times as wide as keys."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        value = _RATIO * _KEY * _HEADS
        self.qkv, self.join = nn.Linear(width, 2 * _KEY * _HEADS + value), nn.Linear(value, width)
        self.bias = nn.Parameter(torch.empty(_HEADS, _SIDE * _SIDE))
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.scale = nn.Parameter(torch.empty(2, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, tokens, width), unchanged in shape."""
        heads = self.qkv(self.first(x)).unflatten(-1, (_HEADS, -1)).transpose(1, 2)
        q, k, v = heads.split([_KEY, _KEY, _RATIO * _KEY], -1)
        mixed = (q @ k.transpose(-1, -2)).softmax(-1) @ v
        x = x + self.scale[0] * self.join(mixed.transpose(1, 2).flatten(2))
        out: torch.Tensor = x + self.scale[1] * self.mlp(self.second(x))
        return out


class Tokens(nn.Module):
    """(batch, width, h, w) -> (batch, h·w, width)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Flatten places."""
        return x.flatten(2).transpose(1, 2)


class Heads(nn.Module):
    """The mean of a classifier and of one trained by distillation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.label, self.teacher = nn.Linear(width, 1000), nn.Linear(width, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, tokens, width) -> (batch, 1000)."""
        x = self.norm(x).mean(1)
        out: torch.Tensor = (self.label(x) + self.teacher(x)) / 2
        return out


def efficientformer(name: str) -> nn.Module:
    """'L1', 'L3' or 'L7', for 224 × 224 images and 1,000 classes."""
    widths, depths, attended = SIZES[name]
    with torch.device("meta"):
        layers: list[nn.Module] = [
            conv_bn(3, widths[0] // 2, 3, 2), conv_bn(widths[0] // 2, widths[0], 3, 2)
        ]  # fmt: skip
        for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            if stage:
                down = nn.Conv2d(widths[stage - 1], width, 3, 2, 1)
                layers += [down, nn.BatchNorm2d(width)]
            pooled = depth - (attended if stage == 3 else 0)
            layers += [Mixer(width) for _ in range(pooled)]
        layers += [Tokens(), *(Attention(widths[-1]) for _ in range(attended)), Heads(widths[-1])]
        return nn.Sequential(*layers)
