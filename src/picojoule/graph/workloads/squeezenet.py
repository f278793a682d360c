"""SqueezeNet 1.0 (Iandola et al., arXiv 1602.07360, Table 1). Imports torch."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["squeezenet"]


class Fire(nn.Module):
    """1×1 squeeze, then 1×1 and 3×3 expand side by side."""

    def __init__(self, into: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(into, squeeze, 1)
        self.one, self.three = (
            nn.Conv2d(squeeze, expand, 1),
            nn.Conv2d(squeeze, expand, 3, padding=1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Concatenated along channels."""
        s = self.squeeze(x).relu()
        return torch.cat([self.one(s).relu(), self.three(s).relu()], 1)


def squeezenet() -> nn.Module:
    """For 224 × 224 images and 1,000 classes."""
    pool = nn.MaxPool2d(3, 2, ceil_mode=True)
    with torch.device("meta"):
        return nn.Sequential(
            nn.Conv2d(3, 96, 7, 2), nn.ReLU(), pool,
            Fire(96, 16, 64), Fire(128, 16, 64), Fire(128, 32, 128), pool,
            Fire(256, 32, 128), Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256), pool,
            Fire(512, 64, 256), nn.Conv2d(512, 1000, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
        )  # fmt: skip
