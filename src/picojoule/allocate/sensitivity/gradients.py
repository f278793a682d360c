"""First order: gradients of the loss at the weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from picojoule.allocate.sensitivity.changes import Changes, each_change, finite, require_some
from picojoule.extras import require
from picojoule.ledger import Array

__all__ = ["fisher", "taylor"]

Loss = Callable[[Any], Any]


def fisher(loss: Loss, batches: Iterable[Any], weights: Sequence[Any], changes: Changes) -> Array:
    """½ Σ_i F_i δ_i² with the empirical Fisher F_i = mean of g_i² over the batches.

    For a log-likelihood at its optimum, F is the diagonal of the Hessian (Theis et al., 2018), so
    this is the expected rise of the loss. loss(batch) is a scalar as a function of `weights`. F is
    that of single samples only when a batch is one: means of gradients hide their spread. Raises
    InputError when there are no batches or a loss is not finite.
    """
    gradients = [_gradients(loss, b, weights) for b in require_some(batches)]
    mean = [sum(g[u] ** 2 for g in gradients) / len(gradients) for u in range(len(weights))]
    return each_change(weights, changes, lambda u, d: float((mean[u] * d.double() ** 2).sum()) / 2)


def taylor(loss: Loss, batches: Iterable[Any], weights: Sequence[Any], changes: Changes) -> Array:
    """Σ_i |g_i δ_i| with g the mean gradient; pruning, δ = −w, makes it |w·g|.

    Molchanov et al. (CVPR 2019; there squared); first-order and blind at a minimum,
    where g = 0. Raises InputError as `fisher` does.
    """
    gradients = [_gradients(loss, b, weights) for b in require_some(batches)]
    mean = [sum(g[u] for g in gradients) / len(gradients) for u in range(len(weights))]
    return each_change(weights, changes, lambda u, d: float((mean[u] * d.double()).abs().sum()))


def _gradients(loss: Loss, batch: Any, weights: Sequence[Any]) -> list[Any]:
    torch = require("torch", "torch")
    value = loss(batch)
    finite(value.item(), "the loss")
    return [g.double() for g in torch.autograd.grad(value, list(weights))]
