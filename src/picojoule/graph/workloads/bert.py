"""BERT encoders (Devlin et al., arXiv 1810.04805). Imports torch."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["bert", "tokens"]

_WIDTH, _HEADS, _PLACES, _KINDS = 768, 12, 512, 2


class Bert(nn.Module):
    """Embeddings of words, places and segments, then post-norm layers; token vectors come out."""

    def __init__(self, words: int, layers: int, *, segments: bool = True) -> None:
        super().__init__()
        self.words = nn.Embedding(words, _WIDTH)
        self.places = nn.Parameter(torch.empty(_PLACES, _WIDTH))
        self.segments = nn.Parameter(torch.empty(_KINDS, _WIDTH)) if segments else None
        self.norm = nn.LayerNorm(_WIDTH)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(_WIDTH, _HEADS, 4 * _WIDTH, 0.0, "gelu", batch_first=True)
            for _ in range(layers)
        )

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """(batch, tokens) -> (batch, tokens, 768), all in the first segment."""
        x: torch.Tensor = self.words(ids) + self.places[: ids.shape[1]]
        x = self.norm(x if self.segments is None else x + self.segments[0])
        for layer in self.layers:
            x = layer(x)
        return x


def bert(words: int = 30_522, layers: int = 12, *, segments: bool = True) -> nn.Module:
    """BERT-base without its pooler; distilled versions have 6 layers and no segments."""
    with torch.device("meta"):
        return Bert(words, layers, segments=segments)


def tokens(n: int) -> tuple[torch.Tensor]:
    """One text of n tokens, on the meta device, in a tuple of inputs."""
    return (torch.empty(1, n, dtype=torch.int64, device="meta"),)
