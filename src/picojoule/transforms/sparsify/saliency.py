"""How much a weight matters: scores of the weight's shape, larger is kept.

All are pure functions of arrays. w: (outputs, inputs, ...) weights; g: loss gradient of the same
shape, summed over a calibration set.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from picojoule.errors import InputError

__all__ = [
    "fisher",
    "group_norm",
    "magnitude",
    "output_error",
    "second_order",
    "strength",
    "taylor",
    "wanda",
    "zeroth_order_gradient",
]

Floats = NDArray[np.floating[Any]]


def magnitude(w: Floats) -> Floats:
    """|w| (Han et al., arXiv 1506.02626)."""
    return np.abs(w)


def taylor(w: Floats, g: Floats) -> Floats:
    """|w·g|: the loss change to first order if w becomes 0 (Molchanov et al., 1611.06440)."""
    return np.abs(w * g)


def fisher(w: Floats, squared_g: Floats) -> Floats:
    """½ w²·F with F the mean squared gradient of single samples (Theis et al., 1801.05787)."""
    return 0.5 * w**2 * squared_g


def wanda(w: Floats, input_norm: Floats) -> Floats:
    """|w|·‖x‖, input_norm: (inputs,) L2 norms of the calibration inputs (Wanda, 2306.11695)."""
    shape = [1, -1, *[1] * (w.ndim - 2)]
    return np.abs(w) * input_norm.reshape(shape)


def second_order(w: Floats, x: Floats, damping: float = 0.01) -> Floats:
    """w² / [(XᵀX + λI)⁻¹]_jj: the output error if w is removed and its row repaired.

    w: (outputs, inputs). x: (samples, inputs). λ: damping × mean of the diagonal (Optimal Brain
    Surgeon, Hassibi & Stork 1992; per layer as in SparseGPT, arXiv 2301.00774).
    """
    gram = x.T @ x
    gram = gram + damping * np.mean(np.diag(gram)) * np.eye(len(gram))
    scores: Floats = w**2 / np.diag(np.linalg.inv(gram))
    return scores


def output_error(w: Floats, x: Floats) -> Floats:
    """w²·Σx²: the squared change of the layer's output if w becomes 0 and nothing is repaired."""
    return wanda(w, np.sqrt((x**2).sum(axis=0))) ** 2


def strength(w: Floats, axis: int = 0) -> Floats:
    """Σ|w| over `axis`, broadcast back: a neuron's strength (QuickSelection, 2012.00560)."""
    total = np.abs(w).sum(axis=axis, keepdims=True)
    return np.broadcast_to(total, w.shape).copy()


def group_norm(w: Floats, axis: int = 0) -> Floats:
    """L2 norm of each slice along `axis`, broadcast back (filter pruning, 1608.08710 with L1)."""
    others = tuple(a for a in range(w.ndim) if a != axis)
    norm = np.sqrt((w**2).sum(axis=others, keepdims=True))
    return np.broadcast_to(norm, w.shape).copy()


def zeroth_order_gradient(
    loss: Callable[[Floats], float],
    w: Floats,
    rng: np.random.Generator,
    *,
    draws: int = 1,
    epsilon: float = 1e-3,
) -> Floats:
    """Gradient from losses only: mean of (L(w+εz) − L(w−εz)) / 2ε · z, z standard normal.

    Simultaneous perturbation (Spall 1992) as in MeZO (2305.17333) and ECoFLaP (2310.02998).
    Raises InputError when a loss is not finite.
    """
    total = np.zeros_like(w)
    for _ in range(draws):
        z = rng.standard_normal(w.shape)
        slope = (loss(w + epsilon * z) - loss(w - epsilon * z)) / (2 * epsilon)
        if not np.isfinite(slope):
            raise InputError("the loss is not finite", got=slope)
        total = total + slope * z
    gradient: Floats = total / draws
    return gradient
