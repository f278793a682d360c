"""LowFormer: attention at low resolution between fused convolutions (Nottebaum et al., WACV 2025).

arXiv 2409.03460, Table 1; block details as in the released configurations. Imports torch.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

__all__ = ["SIZES", "lowformer"]

# Width of the first stage (each next is twice as wide), depths, expansion of strided blocks,
# widths of the classifier.
SIZES = {
    "B0": (16, (0, 1, 1, 3, 4), 4, (1536, 1600)),
    "B1": (16, (0, 1, 1, 5, 5), 6, (1536, 1600)),
    "B1.5": (20, (0, 1, 1, 6, 6), 6, (2304, 2560)),
    "B3": (32, (1, 2, 3, 6, 6), 6, (1536, 1600)),
}
_EXPAND, _PER_HEAD, _UNFUSED = 4, 30, 256


class Residual(nn.Module):
    """x + f(x)."""

    def __init__(self, *inner: nn.Module) -> None:
        super().__init__()
        self.inner = nn.Sequential(*inner)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As its inside."""
        out: torch.Tensor = x + self.inner(x)
        return out


class Lowtention(nn.Module):
    """Depthwise down, attention over half the channels, transposed convolution up."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        half = width // 2
        self.heads = max(1, half // _PER_HEAD)
        inner = width // self.heads // 2 * self.heads
        kernel = 5 if stride == 2 else 3
        self.down = nn.Sequential(
            nn.Conv2d(width, width, kernel, stride, kernel // 2, groups=width, bias=False),
            nn.BatchNorm2d(width), nn.Conv2d(width, 3 * inner, 1, bias=False),
        )  # fmt: skip
        self.up = nn.ConvTranspose2d(inner, width, 4 if stride == 2 else 3, stride, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, width, h, w), unchanged in shape."""
        low = self.down(x)
        heads = low.flatten(2).unflatten(1, (self.heads, -1)).transpose(-1, -2)
        q, k, v = heads.chunk(3, -1)
        mixed = (q @ k.transpose(-1, -2)).softmax(-1) @ v
        joined = mixed.transpose(-1, -2).flatten(1, 2).unflatten(-1, low.shape[-2:])
        out: torch.Tensor = self.up(joined)
        return out


def lowformer(name: str) -> nn.Module:
    """'B0', 'B1', 'B1.5' or 'B3', for 224 × 224 images and 1,000 classes."""
    first, depths, expand, (pooled, hidden) = SIZES[name]
    with torch.device("meta"):
        layers = [*_norm(nn.Conv2d(3, first, 3, 2, 1, bias=False)), nn.Hardswish()]
        layers += [Residual(*_fused(first, first, _EXPAND)) for _ in range(depths[0])]
        width = first
        for depth in depths[1:3]:
            layers += _fused(width, 2 * width, expand, 2)
            width *= 2
            layers += [Residual(*_fused(width, width, _EXPAND)) for _ in range(depth - 1)]
        for depth, stride in zip(depths[3:], (2, 1), strict=True):
            layers += _fused(width, 2 * width, expand, 2)
            width *= 2
            layers += [layer for _ in range(depth) for layer in _block(width, stride)]
        layers += [*_norm(nn.Conv2d(width, pooled, 1, bias=False)), nn.Hardswish()]
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(pooled, hidden, bias=False)]
        return nn.Sequential(*layers, nn.LayerNorm(hidden), nn.Hardswish(), nn.Linear(hidden, 1000))


def _block(width: int, stride: int) -> Sequence[nn.Module]:
    mlp = nn.Conv2d(width, 4 * width, 1), nn.GELU(), nn.Conv2d(4 * width, width, 1)
    local = _fused(width, width, _EXPAND, bias=True) if width < _UNFUSED else _mobile(width)
    return (
        Residual(nn.GroupNorm(1, width), Lowtention(width, stride)),
        Residual(nn.GroupNorm(1, width), *mlp),
        Residual(*local),
    )


def _fused(
    into: int, out: int, expand: int, stride: int = 1, *, bias: bool = False
) -> list[nn.Module]:
    """3×3 to a wider inside, then 1×1."""
    inner = into * expand
    return [
        *_norm(nn.Conv2d(into, inner, 3, stride, 1, bias=bias)), nn.Hardswish(),
        *_norm(nn.Conv2d(inner, out, 1, bias=False)),
    ]  # fmt: skip


def _mobile(width: int) -> list[nn.Module]:
    """1×1 to a wider inside, depthwise 3×3, 1×1."""
    inner = width * _EXPAND
    return [
        nn.Conv2d(width, inner, 1), nn.Hardswish(),
        nn.Conv2d(inner, inner, 3, 1, 1, groups=inner), nn.Hardswish(),
        *_norm(nn.Conv2d(inner, width, 1, bias=False)),
    ]  # fmt: skip


def _norm(conv: nn.Conv2d) -> list[nn.Module]:
    return [conv, nn.BatchNorm2d(conv.out_channels)]
