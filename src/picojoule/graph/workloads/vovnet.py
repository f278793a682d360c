"""VoVNet and the dense block that it replaces (Lee et al., arXiv 1904.09730). Imports torch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from picojoule.graph.workloads.build import conv_bn

__all__ = ["OneShot", "dense_block", "vovnet"]

# Widths of the chain, widths after the concatenation, blocks per stage (Tables 1 and 2).
_SIZES = {
    "27s": ((64, 80, 96, 112), (128, 256, 384, 512), (1, 1, 1, 1), (64, 64, 128)),
    "39": ((128, 160, 192, 224), (256, 512, 768, 1024), (1, 1, 2, 2), (64, 64, 128)),
    "57": ((128, 160, 192, 224), (256, 512, 768, 1024), (1, 1, 4, 3), (64, 64, 128)),
}


class OneShot(nn.Module):
    """A chain of 3×3 convolutions whose outputs are concatenated once, then 1×1."""

    def __init__(self, into: int, width: int, out: int, layers: int = 5) -> None:
        super().__init__()
        self.chain = nn.ModuleList(
            conv_bn(into if i == 0 else width, width, 3) for i in range(layers)
        )
        self.join = conv_bn(into + layers * width, out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, into, h, w) -> (batch, out, h, w)."""
        seen = [x]
        for layer in self.chain:
            seen.append(layer(seen[-1]))
        out: torch.Tensor = self.join(torch.cat(seen, 1))
        return out


class Dense(nn.Module):
    """DenseNet's block: every layer reads all outputs before it."""

    def __init__(self, into: int, growth: int, layers: int) -> None:
        super().__init__()
        self.chain = nn.ModuleList(conv_bn(into + i * growth, growth, 3) for i in range(layers))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, into, h, w) -> (batch, into + layers × growth, h, w)."""
        for layer in self.chain:
            x = torch.cat([x, layer(x)], 1)
        return x


def dense_block(into: int, growth: int, layers: int = 5) -> nn.Module:
    """On the meta device."""
    with torch.device("meta"):
        return Dense(into, growth, layers)


def vovnet(name: str) -> nn.Module:
    """'27s', '39' or '57', for 224 × 224 images and 1,000 classes."""
    widths, outs, blocks, stem = _SIZES[name]
    with torch.device("meta"):
        layers: list[nn.Module] = [
            conv_bn(3, stem[0], 3, 2), conv_bn(stem[0], stem[1], 3), conv_bn(stem[1], stem[2], 3, 2)
        ]  # fmt: skip
        into = stem[2]
        for stage, (width, out, n) in enumerate(zip(widths, outs, blocks, strict=True)):
            layers += [nn.MaxPool2d(3, 2, ceil_mode=True)] if stage else []
            layers += _stage(into, width, out, n)
            into = out
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(into, 1000))


def _stage(into: int, width: int, out: int, blocks: int) -> Sequence[nn.Module]:
    return [OneShot(into if i == 0 else out, width, out) for i in range(blocks)]
