"""Few trainable parameters beside frozen ones: low-rank adapters and soft prompts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from picojoule.errors import InputError

__all__ = ["LoRA", "SoftPrompt", "add_lora", "lora_parameters", "merge_lora"]


class LoRA(torch.nn.Module):
    """y = W x + (α/r)·B A x with W frozen, A (r, in) normal, B (out, r) zero (arXiv 2106.09685)."""

    def __init__(self, layer: torch.nn.Linear, rank: int, alpha: float | None = None) -> None:
        """Raises InputError for a rank outside 1..min(in, out)."""
        super().__init__()
        most = min(layer.in_features, layer.out_features)
        if not 1 <= rank <= most:
            raise InputError("rank out of range", got=rank, expected=f"1..{most}")
        self.layer = layer.requires_grad_(requires_grad=False)
        self.scale = (alpha or rank) / rank
        self.down = torch.nn.Parameter(
            torch.randn(rank, layer.in_features) / layer.in_features**0.5
        )
        self.up = torch.nn.Parameter(torch.zeros(layer.out_features, rank))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., in) -> (..., out)."""
        frozen: torch.Tensor = self.layer(x)
        return frozen + self.scale * (x @ self.down.T @ self.up.T)

    def merged(self) -> torch.nn.Linear:
        """One linear layer with the same outputs: an adapter costs nothing at inference."""
        with torch.no_grad():
            self.layer.weight += self.scale * self.up @ self.down
        return self.layer.requires_grad_()


class SoftPrompt(torch.nn.Module):
    """Trained vectors before the embedded tokens (Lester et al., arXiv 2104.08691).

    They are not free: every request prefills them and keeps their keys and values.
    """

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.vectors = torch.nn.Parameter(0.02 * torch.randn(tokens, width))

    def forward(self, embedded: torch.Tensor) -> torch.Tensor:
        """(batch, n, width) -> (batch, tokens + n, width)."""
        prompt = self.vectors.expand(len(embedded), *self.vectors.shape)
        return torch.cat([prompt, embedded], dim=1)


def add_lora(model: torch.nn.Module, rank: int, names: Iterable[str]) -> torch.nn.Module:
    """Freeze `model` and put adapters on these linear layers, in place; returns the model.

    Raises InputError for a name that is no linear layer.
    """
    model.requires_grad_(requires_grad=False)
    for name in names:
        parent, _, leaf = name.rpartition(".")
        layer: Any = dict(model.named_modules()).get(name)
        if not isinstance(layer, torch.nn.Linear):
            raise InputError(f"no linear layer {name!r} in the model", got=type(layer).__name__)
        setattr(model.get_submodule(parent), leaf, LoRA(layer, rank))
    return model


def merge_lora(model: torch.nn.Module) -> torch.nn.Module:
    """Every adapter into its layer, in place; returns the model."""
    for name, module in list(model.named_modules()):
        if isinstance(module, LoRA):
            parent, _, leaf = name.rpartition(".")
            setattr(model.get_submodule(parent), leaf, module.merged())
    return model


def lora_parameters(shapes: Iterable[tuple[int, int]], rank: int) -> int:
    """Trainable parameters of adapters on weights of these (out, in) shapes: r·(in + out) each."""
    return sum(rank * (out + into) for out, into in shapes)
