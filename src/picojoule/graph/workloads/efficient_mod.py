"""EfficientMod: a depthwise context multiplies what a layer computes (Ma et al., ICLR 2024).

arXiv 2403.19963, equation 4 and Table 9; images are channels-last inside. Imports torch.
"""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["SIZES", "efficient_mod"]

# Widths, modulation blocks, attention blocks, ratio of every second block, MLP ratio of the
# attention blocks in the last stage.
SIZES = {
    "xxs": ((32, 64, 128, 256), (2, 2, 6, 2), (0, 0, 1, 2), 6, 4),
    "xs": ((32, 64, 144, 288), (3, 3, 4, 2), (0, 0, 3, 3), 4, 4),
    "s": ((32, 64, 144, 312), (4, 4, 8, 4), (0, 0, 4, 4), 6, 5),
}
_HEADS, _LEAST_KEY, _CONTEXT = 8, 32, 7


class Modulation(nn.Module):
    """x + γ·W₂(W₁x ⊙ repeat(g(gelu(dw(f x)))))."""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        self.ratio = ratio
        self.norm = nn.LayerNorm(width)
        self.f, self.g = nn.Linear(width, width), nn.Linear(width, width)
        self.context = nn.Conv2d(width, width, _CONTEXT, padding=_CONTEXT // 2, groups=width)
        self.first, self.second = nn.Linear(width, ratio * width), nn.Linear(ratio * width, width)
        self.scale = nn.Parameter(torch.empty(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, h, w, width), unchanged in shape."""
        y = self.norm(x)
        around = self.context(self.f(y).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        context = self.g(nn.functional.gelu(around))
        inner = self.first(y)
        if self.ratio > 1:  # a ratio of 1 has no activation
            inner, context = nn.functional.gelu(inner), context.repeat(1, 1, 1, self.ratio)
        out: torch.Tensor = x + self.scale * self.second(inner * context)
        return out


class Attention(nn.Module):
    """Eight heads of at least 32 channels, then an MLP."""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        self.key = max(width // _HEADS, _LEAST_KEY)
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.qkv = nn.Linear(width, 3 * self.key * _HEADS, bias=False)
        self.join = nn.Linear(self.key * _HEADS, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, ratio * width), nn.GELU(), nn.Linear(ratio * width, width)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, h, w, width), unchanged in shape."""
        tokens = self.norms[0](x).flatten(1, 2)
        heads = self.qkv(tokens).unflatten(-1, (3, _HEADS, self.key)).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(*heads.unbind(0))
        x = x + self.join(mixed.transpose(1, 2).flatten(2)).view_as(x)
        out: torch.Tensor = x + self.mlp(self.norms[1](x))
        return out


class Patches(nn.Module):
    """A strided convolution and a layer norm; channels last in and out."""

    def __init__(self, into: int, out: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(into, out, kernel, stride, kernel // 2)
        self.norm = nn.LayerNorm(out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, h, w, into) -> (batch, h/stride, w/stride, out)."""
        out: torch.Tensor = self.norm(self.conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        return out


class EfficientMod(nn.Module):
    """(batch, 3, h, w) -> (batch, 1000)."""

    def __init__(self, name: str) -> None:
        super().__init__()
        widths, depths, attended, wide, last = SIZES[name]
        layers: list[nn.Module] = [Patches(3, widths[0], 7, 4)]
        for stage, width in enumerate(widths):
            layers += [Patches(widths[stage - 1], width, 3, 2)] if stage else []
            layers += [Modulation(width, (1, wide)[i % 2]) for i in range(depths[stage])]
            layers += [Attention(width, last if stage == 3 else 4) for _ in range(attended[stage])]
        self.body = nn.Sequential(*layers, nn.LayerNorm(widths[-1]))
        self.head = nn.Linear(widths[-1], 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits."""
        out: torch.Tensor = self.head(self.body(x.permute(0, 2, 3, 1)).mean((1, 2)))
        return out


def efficient_mod(name: str) -> nn.Module:
    """'xxs', 'xs' or 's', for 224 × 224 images and 1,000 classes."""
    with torch.device("meta"):
        return EfficientMod(name)
