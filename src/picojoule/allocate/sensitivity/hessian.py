"""Second order: the trace of the Hessian, by Hutchinson's estimator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from picojoule.allocate.sensitivity.changes import Changes, finite, squared_errors
from picojoule.errors import InputError
from picojoule.extras import require
from picojoule.ledger import Array

__all__ = ["hessian_trace", "mean_trace"]


def hessian_trace(
    loss: Callable[[], Any],
    weights: Sequence[Any],
    changes: Changes,
    *,
    samples: int = 64,
    seed: int = 0,
) -> Array:
    """tr(H_u) / n_u · ‖ΔW_u‖²: the mean curvature times the squared error.

    HAWQ-V2 (Dong et al., NeurIPS 2020) and HAWQ-V3: twice the expected rise of a loss
    at its minimum, for an error in a random direction. loss() is the scalar loss as a function of
    `weights`, which require gradients; it is called once. Raises InputError for a loss that is
    not twice differentiable in them, and what `mean_trace` raises.
    """
    trace = mean_trace(loss, weights, samples=samples, seed=seed)
    return trace[:, None] * squared_errors(weights, changes)


def mean_trace(
    loss: Callable[[], Any], weights: Sequence[Any], *, samples: int = 64, seed: int = 0
) -> Array:
    """tr(H_u) / n_u for each unit's block of the Hessian.

    Hutchinson (1990): tr(H) = E[vᵀHv] with v = ±1. One Hessian-vector product per sample serves
    all units: the other units' signs are independent, so their cross terms vanish in the mean.
    The standard error falls with 1/√samples. Raises InputError for samples < 1 or a loss that is
    not a finite number.
    """
    if samples < 1:
        raise InputError("too few samples", got=samples, expected="at least 1")
    torch = require("torch", "torch")
    value = loss()
    finite(value.item(), "the loss")
    first = torch.autograd.grad(value, list(weights), create_graph=True)
    if not any(g.requires_grad for g in first):
        return np.zeros(len(weights))  # the loss is linear
    generator = torch.Generator().manual_seed(seed)
    total = np.zeros(len(weights))
    for _ in range(samples):
        signs = [_signs(torch, w, generator) for w in weights]
        product = torch.autograd.grad(
            first, list(weights), signs, retain_graph=True, allow_unused=True
        )
        total += [
            0.0 if h is None else float((v * h).sum())
            for v, h in zip(signs, product, strict=True)
        ]  # fmt: skip
    mean: Array = total / samples / [w.numel() for w in weights]
    return mean


def _signs(torch: Any, weight: Any, generator: Any) -> Any:
    """Random ±1, drawn on the CPU so that every device sees the same."""
    bits = torch.randint(0, 2, tuple(weight.shape), generator=generator)
    return (2 * bits - 1).to(weight)
