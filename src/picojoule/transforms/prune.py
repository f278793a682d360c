"""Structured channel pruning: whole channels leave, so every runtime gets a smaller dense model."""

from __future__ import annotations

import copy
import warnings
from typing import Any

from picojoule.errors import InputError
from picojoule.extras import require

__all__ = ["prune_channels"]


def prune_channels(
    model: Any, example: tuple[Any, ...], ratio: float, *, round_to: int = 16
) -> Any:
    """A pruned copy of `model` with about `ratio` of its channels removed; the input is unchanged.

    Channels are grouped by dependency (DepGraph, Fang et al., CVPR 2023) and the groups of least
    L2 norm leave. Channel counts are rounded to a multiple of `round_to`, the hardware's vector
    width: odd counts can make a runtime slower, not faster. The last linear or convolution layer
    keeps its outputs. Raises InputError when the ratio is not in (0, 1) or nothing can be pruned.
    """
    if not 0 < ratio < 1:
        raise InputError("pruning ratio out of range", got=ratio, expected="between 0 and 1")
    torch, tp = require("torch", "torch"), require("torch_pruning", "torch")
    pruned = copy.deepcopy(model).eval()
    before = sum(p.numel() for p in pruned.parameters())
    # Dependencies are found by running the model with gradients on.
    with warnings.catch_warnings(), torch.enable_grad():
        warnings.simplefilter("ignore")
        try:
            pruner = tp.pruner.BasePruner(
                pruned,
                example,
                importance=tp.importance.GroupMagnitudeImportance(p=2),
                pruning_ratio=ratio,
                ignored_layers=_output_layers(torch, pruned),
                round_to=round_to,
            )
            pruner.step()
        except (AttributeError, IndexError, KeyError, RuntimeError, ValueError) as error:
            raise InputError(f"this model can't be pruned by channels: {error}") from error
    after = sum(p.numel() for p in pruned.parameters())
    if after >= before:
        raise InputError(
            "pruning removed nothing", got=f"ratio {ratio:g} rounded to {round_to} channels",
            fix="the layers are too narrow for this ratio",
        )  # fmt: skip
    return pruned


def _output_layers(torch: Any, model: Any) -> list[Any]:
    """Layers whose width is the model's answer: the last linear or convolution in the tree."""
    kinds = (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)
    layers = [m for m in model.modules() if isinstance(m, kinds)]
    return layers[-1:]
