"""EfficientViT: sandwich blocks with cascaded group attention (Liu et al., arXiv 2305.07027).

Tables 1 and 6 give widths, depths, heads and the kernels on queries. Imports torch.
"""

from __future__ import annotations

import torch
from torch import nn

from picojoule.graph.workloads.build import conv_bn

__all__ = ["SIZES", "efficientvit"]

_KEY, _WINDOW = 16, 7
SIZES = {
    "M0": ((64, 128, 192), (1, 2, 3), (4, 4, 4), (5, 5, 5, 5)),
    "M1": ((128, 144, 192), (1, 2, 3), (2, 3, 3), (7, 5, 3, 3)),
    "M2": ((128, 192, 224), (1, 2, 3), (4, 3, 2), (7, 5, 3, 3)),
    "M3": ((128, 240, 320), (1, 2, 3), (4, 3, 4), (5, 5, 5, 5)),
    "M4": ((128, 256, 384), (1, 2, 3), (4, 4, 4), (7, 5, 3, 3)),
    "M5": ((192, 288, 384), (1, 3, 4), (3, 3, 4), (7, 5, 3, 3)),
}


class Residual(nn.Module):
    """x + f(x)."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As its inside."""
        out: torch.Tensor = x + self.inner(x)
        return out


class GroupAttention(nn.Module):
    """Each head sees its part of the channels and the output of the head before."""

    def __init__(self, width: int, heads: int, kernels: tuple[int, ...], side: int) -> None:
        super().__init__()
        self.part = width // heads
        self.qkv = nn.ModuleList(
            conv_bn(self.part, 2 * _KEY + self.part, relu=False) for _ in range(heads)
        )
        self.query = nn.ModuleList(
            conv_bn(_KEY, _KEY, kernels[i], groups=_KEY, relu=False) for i in range(heads)
        )
        self.join = nn.Sequential(nn.ReLU(), conv_bn(width, width, relu=False))
        self.bias = nn.Parameter(torch.empty(heads, side * side))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(windows, width, side, side), unchanged in shape."""
        heads, before = [], torch.zeros_like(x[:, : self.part])
        for i, part in enumerate(x.chunk(len(self.qkv), 1)):
            q, k, v = self.qkv[i](part + before if i else part).split([_KEY, _KEY, self.part], 1)
            q = self.query[i](q)
            score = q.flatten(2).transpose(1, 2) @ k.flatten(2)
            before = (v.flatten(2) @ score.softmax(-1).transpose(1, 2)).unflatten(2, x.shape[2:])
            heads.append(before)
        out: torch.Tensor = self.join(torch.cat(heads, 1))
        return out


class Windows(nn.Module):
    """The inner module on each window of at most 7 × 7 by itself."""

    def __init__(self, inner: nn.Module, side: int) -> None:
        super().__init__()
        self.inner, self.side = inner, side

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, width, h, w); sides are padded to whole windows."""
        _, c, h, w = x.shape
        if max(h, w) <= self.side:
            out: torch.Tensor = self.inner(x)
            return out
        s = self.side
        tiles = x.view(-1, c, h // s, s, w // s, s).permute(0, 2, 4, 1, 3, 5)
        done = self.inner(tiles.reshape(-1, c, s, s)).view(-1, h // s, w // s, c, s, s)
        whole: torch.Tensor = done.permute(0, 3, 1, 4, 2, 5).reshape(x.shape)
        return whole


def _ffn(width: int, ratio: int = 2) -> nn.Module:
    return Residual(
        nn.Sequential(conv_bn(width, ratio * width), conv_bn(ratio * width, width, relu=False))
    )


def _depthwise(width: int) -> nn.Module:
    return Residual(conv_bn(width, width, 3, groups=width, relu=False))


def _block(width: int, heads: int, kernels: tuple[int, ...], side: int) -> list[nn.Module]:
    window = min(_WINDOW, side)
    attention = Residual(Windows(GroupAttention(width, heads, kernels, window), window))
    return [_depthwise(width), _ffn(width), attention, _depthwise(width), _ffn(width)]


class SqueezeExcite(nn.Module):
    """A gate per channel from the mean of each."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(width, inner, 1), nn.Conv2d(inner, width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Unchanged in shape."""
        gate = self.up(self.down(x.mean((2, 3), keepdim=True)).relu()).sigmoid()
        out: torch.Tensor = x * gate
        return out


def _merge(into: int, out: int) -> list[nn.Module]:
    """Half the side: an inverted bottleneck of four times the width, between two sandwiches."""
    wide = 4 * into
    return [
        _depthwise(into), _ffn(into), conv_bn(into, wide), conv_bn(wide, wide, 3, 2, wide),
        SqueezeExcite(wide, wide // 4), conv_bn(wide, out, relu=False), _depthwise(out), _ffn(out),
    ]  # fmt: skip


def efficientvit(name: str) -> nn.Module:
    """'M0' to 'M5', for 224 × 224 images and 1,000 classes."""
    widths, depths, heads, kernels = SIZES[name]
    first, side = widths[0], 14
    with torch.device("meta"):
        layers: list[nn.Module] = [
            conv_bn(3, first // 8, 3, 2), conv_bn(first // 8, first // 4, 3, 2),
            conv_bn(first // 4, first // 2, 3, 2), conv_bn(first // 2, first, 3, 2, relu=False),
        ]  # fmt: skip
        for stage, (width, depth, n) in enumerate(zip(widths, depths, heads, strict=True)):
            if stage:
                layers += _merge(widths[stage - 1], width)
                side = (side + 1) // 2
            for _ in range(depth):
                layers += _block(width, n, kernels, side)
        head = [nn.BatchNorm1d(widths[-1]), nn.Linear(widths[-1], 1000)]
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), *head)
