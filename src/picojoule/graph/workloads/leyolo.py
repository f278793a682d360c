"""LeYOLO Nano: inverted bottlenecks, a pyramid of few channels (Hollard et al., arXiv 2406.14239).

Layers as in the released leyolonano.yaml; the head's outputs are raw, boxes not decoded.
Imports torch.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

__all__ = ["leyolo_nano"]

_CLASSES, _BOX = 80, 64  # 16 bins for each side of a box
# (out, kernel, inside, stride); None inside: as wide as the input, without a 1×1 to get there.
_P3 = ((16, 3, None, 2), (32, 3, 96, 2), (32, 3, 96, 1))
_P4 = ((64, 5, 96, 2), *[(64, 5, 192, 1)] * 4)
_P5 = ((96, 5, 576, 2), *[(96, 5, 576, 1)] * 3)


class Bottleneck(nn.Module):
    """1×1 to `inner` channels if given, depthwise, 1×1; adds its input where shapes agree."""

    def __init__(self, into: int, out: int, kernel: int, inner: int | None, stride: int) -> None:
        super().__init__()
        self.adds = into == out and stride == 1
        expand = [] if inner is None else [_conv(into, inner)]
        width = inner or into
        self.layers = nn.Sequential(
            *expand, _conv(width, width, kernel, stride, width),
            nn.Conv2d(width, out, 1), nn.BatchNorm2d(out),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, into, h, w) -> (batch, out, h/stride, w/stride)."""
        y: torch.Tensor = self.layers(x)
        return x + y if self.adds else y


class PyramidPool(nn.Module):
    """Three 5×5 maxima, one of the other, beside their input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _conv(width, width // 2, bias=False)
        self.last = _conv(width * 2, width, bias=False)
        self.pool = nn.MaxPool2d(5, 1, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, width, h, w), unchanged in shape."""
        seen = [self.first(x)]
        for _ in range(3):
            seen.append(self.pool(seen[-1]))
        out: torch.Tensor = self.last(torch.cat(seen, 1))
        return out


class LeYoloNano(nn.Module):
    """(batch, 3, h, w) -> box and class scores at strides 8, 16 and 32."""

    def __init__(self) -> None:
        super().__init__()
        self.p3 = nn.Sequential(_conv(3, 16, 3, 2), _conv(16, 16), *_chain(16, _P3))
        self.p4 = nn.Sequential(*_chain(32, _P4))
        self.p5 = nn.Sequential(*_chain(64, _P5), PyramidPool(96))
        self.up4 = nn.Sequential(*_chain(96 + 64, [(64, 5, 128, 1)] * 3))
        self.up3 = nn.Sequential(*_chain(64 + 32, [(32, 3, None, 1), *[(32, 3, 64, 1)] * 2]))
        self.down4 = _conv(32, 64, 3, 2)
        self.out4 = nn.Sequential(*_chain(64 + 64, [(64, 5, 128, 1)] * 3))
        self.down5 = _conv(64, 96, 3, 2)
        self.out5 = nn.Sequential(*_chain(96 + 96, [(96, 5, 192, 1)] * 3))
        self.boxes = nn.ModuleList(_head(width, _BOX, _BOX) for width in (32, 64, 96))
        self.scores = nn.ModuleList(_head(width, _CLASSES, _CLASSES) for width in (32, 64, 96))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """(batch, 64 + 80, h, w) of each stride."""
        p3 = self.p3(x)
        p4 = self.p4(p3)
        p5 = self.p5(p4)
        u4 = self.up4(torch.cat([_twice(p5), p4], 1))
        n3 = self.up3(torch.cat([_twice(u4), p3], 1))
        n4 = self.out4(torch.cat([self.down4(n3), u4], 1))
        n5 = self.out5(torch.cat([self.down5(n4), p5], 1))
        heads = zip(self.boxes, self.scores, (n3, n4, n5), strict=True)
        return [torch.cat([box(level), score(level)], 1) for box, score, level in heads]


def leyolo_nano() -> nn.Module:
    """For images whose sides 32 divides, and the 80 classes of COCO."""
    with torch.device("meta"):
        return LeYoloNano()


def _conv(
    into: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1, *, bias: bool = True
) -> nn.Sequential:
    conv = nn.Conv2d(into, out, kernel, stride, kernel // 2, groups=groups, bias=bias)
    return nn.Sequential(conv, nn.BatchNorm2d(out), nn.SiLU())


def _chain(into: int, rows: Iterable[tuple[int, int, int | None, int]]) -> list[nn.Module]:
    blocks: list[nn.Module] = []
    for out, kernel, inner, stride in rows:
        blocks.append(Bottleneck(into, out, kernel, inner, stride))
        into = out
    return blocks


def _head(into: int, width: int, out: int) -> nn.Sequential:
    spatial = (_conv(width, width, 3, 1, width, bias=False) for _ in range(2))
    return nn.Sequential(_conv(into, width, bias=False), *spatial, nn.Conv2d(width, out, 1))


def _twice(x: torch.Tensor) -> torch.Tensor:
    return nn.functional.interpolate(x, scale_factor=2, mode="nearest")
