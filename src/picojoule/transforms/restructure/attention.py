"""Attention as normalise(κ(Q,K) ⊙ M) V, with the order of evaluation as an axis of its own.

The kernel κ and the mask M decide what is computed; the order decides what it costs. A kernel
that splits into features, κ(q,k) = φ(q)·φ(k), may be summed over the keys first: O(N) instead of
O(N²). Every order of a kernel gives the same values; tests hold them to 1e-12.

Shapes: q, k (n, d), v (n, e). All sums are over keys.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from picojoule.errors import InputError

__all__ = ["HashCodes", "Power", "associative", "decay_mask", "quadratic", "recurrent", "softmax",
           "tiled"]  # fmt: skip

Floats = NDArray[np.floating[Any]]
Kernel = Callable[[Floats, Floats], Floats]  # (n, d), (m, d) -> scores (n, m)


def softmax(q: Floats, k: Floats) -> Floats:
    """exp(q·k/√d), less its row maximum, which normalisation takes out again."""
    score = q @ k.T / np.sqrt(q.shape[1])
    weight: Floats = np.exp(score - score.max(axis=1, keepdims=True))
    return weight


@dataclass(frozen=True, slots=True)
class Power:
    """(q·k)^p for an even p: a polynomial, so that it can be evaluated on encrypted data.

    Scores are divided by their row maximum first, which normalisation takes out again
    (Power-Softmax, arXiv 2410.09457).
    """

    p: int = 2

    def __call__(self, q: Floats, k: Floats) -> Floats:
        """Scores, at most 1 each. Raises InputError for an odd power."""
        if self.p % 2 or self.p < 2:
            raise InputError("the power must be even", got=self.p)
        score = q @ k.T
        top = np.abs(score).max(axis=1, keepdims=True)
        weight: Floats = (score / np.where(top > 0, top, 1.0)) ** self.p
        return weight


@dataclass(frozen=True, slots=True, eq=False)
class HashCodes:
    """b_q·b_k + bits + 1 of ±1 codes: sums and no products (EcoFormer, arXiv 2209.09004).

    codes: (n, d) -> (n, bits) of ±1. Splits into features [b, √(bits+1)].
    """

    codes: Callable[[Floats], Floats]

    def __call__(self, q: Floats, k: Floats) -> Floats:
        """Scores, at least 1 each."""
        return self.features(q) @ self.features(k).T

    def features(self, x: Floats) -> Floats:
        """φ(x): (n, bits + 1)."""
        b = self.codes(x)
        constant = np.full((len(b), 1), np.sqrt(b.shape[1] + 1.0))
        return np.hstack([b, constant])


def quadratic(
    q: Floats,
    k: Floats,
    v: Floats,
    kernel: Kernel,
    mask: Floats | None = None,
    *,
    normalise: bool = True,
) -> Floats:
    """Scores first: O(n²). mask: (n, n) factors, λ^{i−j} or 0 and 1."""
    score = kernel(q, k) if mask is None else kernel(q, k) * mask
    out: Floats = score @ v
    return out / score.sum(axis=1, keepdims=True) if normalise else out


def associative(
    q: Floats,
    k: Floats,
    v: Floats,
    features: Callable[[Floats], Floats] = lambda x: x,
    *,
    normalise: bool = True,
) -> Floats:
    """φ(K)ᵀV first: O(n). Every query sees every key."""
    a, b = features(q), features(k)
    out: Floats = a @ (b.T @ v)
    return out / (a @ b.sum(axis=0))[:, None] if normalise else out


def decay_mask(n: int, decay: float) -> Floats:
    """λ^{i−j} for keys up to the query, 0 after it. decay 1 is the causal mask."""
    apart = np.arange(n)[:, None] - np.arange(n)[None, :]
    mask: Floats = np.where(apart >= 0, float(decay) ** np.maximum(apart, 0), 0.0)
    return mask


def recurrent(q: Floats, k: Floats, v: Floats, decay: float = 1.0) -> Floats:
    """(QKᵀ ⊙ λ^{i−j}) V one token at a time, with a state of (d, e) and no normaliser."""
    state = np.zeros((q.shape[1], v.shape[1]))
    out = np.empty((len(q), v.shape[1]))
    for i in range(len(q)):
        state = decay * state + np.outer(k[i], v[i])
        out[i] = q[i] @ state
    return out


def tiled(q: Floats, k: Floats, v: Floats, decay: float = 1.0, block: int = 64) -> Floats:
    """The same by blocks: scores inside a block, the state between blocks.

    O_b = [(QKᵀ) ⊙ λ^{i−j}] V + λ^i Q·S, S ← λ^B S + (λ^{B−j} K)ᵀ V with i, j from 1 in the block
    (Lightning Attention-2, arXiv 2401.04658, algorithm 1; q's λ^i pairs with k's λ^{B−j}).
    """
    if block < 1:
        raise InputError("a block has at least one token", got=block)
    state = np.zeros((q.shape[1], v.shape[1]))
    out = np.empty((len(q), v.shape[1]))
    for start in range(0, len(q), block):
        rows = slice(start, start + block)
        size = len(q[rows])
        place = np.arange(1, size + 1)
        inside = (q[rows] @ k[rows].T * decay_mask(size, decay)) @ v[rows]
        out[rows] = inside + (decay**place)[:, None] * (q[rows] @ state)
        later = (decay ** (size - place))[:, None] * k[rows]
        state = decay**size * state + later.T @ v[rows]
    return out
