"""What the architectures share: layers on the meta device. Imports torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

__all__ = ["conv_bn", "image", "parameters"]


def conv_bn(
    into: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1, *, relu: bool = True
) -> nn.Sequential:
    """Convolution, batch norm and, unless not wanted, a ReLU; the size changes by the stride."""
    layers: list[nn.Module] = [
        nn.Conv2d(into, out, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out),
    ]
    return nn.Sequential(*layers, *([nn.ReLU()] if relu else []))


def image(side: int = 224) -> tuple[torch.Tensor]:
    """One colour image on the meta device, in a tuple of inputs."""
    return (torch.empty(1, 3, side, side, device="meta"),)


def parameters(model: Any) -> int:
    """Trainable numbers of a module."""
    return sum(p.numel() for p in model.parameters())
