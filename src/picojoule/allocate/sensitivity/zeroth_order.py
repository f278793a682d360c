"""No gradients: two forward passes per random direction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from picojoule.allocate.sensitivity.changes import Changes, finite, squared_errors
from picojoule.errors import InputError
from picojoule.extras import require
from picojoule.ledger import Array

__all__ = ["zeroth_order"]


def zeroth_order(
    loss: Callable[[], Any],
    weights: Sequence[Any],
    changes: Changes,
    *,
    samples: int = 32,
    step: float = 1e-3,
    seed: int = 0,
) -> Array:
    """‖g_u‖² / n_u · ‖ΔW_u‖², with ‖g_u‖² = E[((L(w + εz) − L(w − εz)) / 2ε)²], z normal.

    Simultaneous perturbation (Spall, 1992) as ECoFLaP uses it per layer: the mean squared change
    of the loss for an error in a random direction. The weights are perturbed in place, one unit
    at a time, and put back exactly. step: ε in the weights' units. Raises InputError for a loss
    that is not finite, samples < 1 or step <= 0.
    """
    if samples < 1 or not step > 0:
        raise InputError("samples >= 1 and step > 0 are needed", got=(samples, step))
    torch = require("torch", "torch")
    generator = torch.Generator().manual_seed(seed)
    slopes = np.array(
        [
            np.mean([_slope(torch, loss, w, step, generator) ** 2 for _ in range(samples)])
            / w.numel()
            for w in weights
        ]
    )
    return slopes[:, None] * squared_errors(weights, changes)


def _slope(torch: Any, loss: Callable[[], Any], weight: Any, step: float, generator: Any) -> float:
    """Derivative of the loss along one random direction, by central difference."""
    z = torch.randn(tuple(weight.shape), generator=generator).to(weight)
    with torch.no_grad():
        original = weight.detach().clone()
        try:
            weight.copy_(original + step * z)
            up = finite(float(loss()), "the loss")
            weight.copy_(original - step * z)
            down = finite(float(loss()), "the loss")
        finally:
            weight.copy_(original)
    return (up - down) / (2 * step)
