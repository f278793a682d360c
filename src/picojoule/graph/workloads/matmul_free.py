"""The MatMul-free language model (Zhu et al., arXiv 2406.02528). Imports torch.

Its linear layers hold ternary weights, so what is counted here as MACs are additions there.
"""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["SIZES", "inner_width", "matmul_free"]

_WORDS = 32_000
SIZES = {"370M": (1024, 24), "1.3B": (2048, 24), "2.7B": (2560, 32)}  # width, layers


def inner_width(width: int) -> int:
    """Of the gated unit: ⌊8h/3⌋, up to a multiple of 256."""
    return 256 * -(-(8 * width // 3) // 256)


class Block(nn.Module):
    """A gated recurrence over tokens (four linear layers), then a gated unit (three)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = inner_width(width)
        self.gates = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(4))
        self.up = nn.Linear(width, 2 * inner, bias=False)
        self.down = nn.Linear(inner, width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, tokens, width), one step of the recurrence for each token."""
        forget, into, gate, out = self.gates
        f = forget(x).sigmoid()
        h = nn.functional.silu(into(x)) * (1 - f)
        x = x + out(h * nn.functional.silu(gate(x)))
        a, b = self.up(x).chunk(2, -1)
        y: torch.Tensor = x + self.down(nn.functional.silu(a) * b)
        return y


def matmul_free(name: str) -> nn.Module:
    """'370M', '1.3B' or '2.7B': token numbers to logits."""
    width, layers = SIZES[name]
    with torch.device("meta"):
        return nn.Sequential(
            nn.Embedding(_WORDS, width), *(Block(width) for _ in range(layers)),
            nn.Linear(width, _WORDS, bias=False),
        )  # fmt: skip
