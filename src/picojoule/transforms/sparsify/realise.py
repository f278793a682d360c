"""How weights become zero: a mask at once, regrowth, a soft mask, a proximal step.

Pure functions on arrays; `module.py` puts them into torch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from picojoule.errors import InputError
from picojoule.transforms.sparsify.pattern import Mask, keep_largest

__all__ = ["prox_sparse_envelope", "prune_and_regrow", "soft_mask", "sparse_envelope"]

Floats = NDArray[np.floating[Any]]


def prune_and_regrow(
    w: Floats, mask: Mask, share: float, rng: np.random.Generator, *, spread: float = 0.1
) -> tuple[Floats, Mask]:
    """One step of sparse evolutionary training: as many weights as before, elsewhere.

    The `share` of the kept positive weights nearest 0 and the same share of the negative ones
    leave; as many empty places, drawn at random, get N(0, spread²) (SET, Mocanu et al. 2018;
    QuickSelection, arXiv 2012.00560). Returns new weights and mask.
    """
    if not 0.0 <= share < 1.0:
        raise InputError("share out of range", got=share, expected="0 up to 1")
    left = mask & ~(_weakest(w, mask & (w > 0), share) | _weakest(-w, mask & (w < 0), share))
    empty = np.flatnonzero(~left)
    places = rng.choice(empty, int(mask.sum() - left.sum()), replace=False)
    grown = np.zeros(w.shape, bool)
    grown.flat[places] = True
    fresh = rng.normal(0.0, spread, w.shape)
    return np.where(grown, fresh, np.where(left, w, 0.0)), left | grown


def _weakest(size: Floats, among: Mask, share: float) -> Mask:
    n = int(among.sum())
    gone = np.zeros(size.shape, bool)
    gone[among] = ~keep_largest(size[among], (n - int(share * n)) / n) if n else False
    return gone


def soft_mask(w: Floats, sparsity: float, tau: float = 1e-4) -> Floats:
    """σ((w² − t²)/τ), where t lies between the two magnitudes that the sparsity separates.

    So the mask is ½ at |w| = t and below ½ for the target share (PDP, arXiv 2305.11203).
    """
    size = np.sort(np.abs(w), axis=None)
    n = round(sparsity * size.size)
    if not 0 < n < size.size:
        raise InputError("sparsity out of range", got=sparsity, expected="between 0 and 1")
    t = 0.5 * (size[n - 1] + size[n])
    mask: Floats = 0.5 * (1.0 + np.tanh((w**2 - t**2) / (2.0 * tau)))  # σ(2z) without overflow
    return mask


def sparse_envelope(x: Floats, k: int) -> float:
    """½ of the squared k-support norm: the convex hull of ½‖x‖² over k-sparse vectors.

    k = 1 gives ½‖x‖₁², k = n gives ½‖x‖₂² (Argyriou, Foygel & Srebro 2012, proposition 2.1).
    """
    size = np.sort(np.abs(x), axis=None)[::-1]
    if not 1 <= k <= size.size:
        raise InputError("k out of range", got=k, expected=f"1 to {size.size}")
    tails = np.cumsum(size[::-1])[::-1]  # Σ of the i-th largest and all below it
    for r in range(k):
        mean = tails[k - r - 1] / (r + 1)
        above = np.inf if k - r - 1 == 0 else size[k - r - 2]
        if above > mean >= size[k - r - 1]:
            return float(0.5 * ((size[: k - r - 1] ** 2).sum() + (r + 1) * mean**2))
    raise AssertionError("one r satisfies the condition")  # by the proposition


def prox_sparse_envelope(v: Floats, strength: float, k: int) -> Floats:
    """argmin_u strength · sparse_envelope(u, k) + ½‖u − v‖²; at most n values, exact zeros.

    u_i = v_i θ_i / (θ_i + λ), θ_i = clip(|v_i|/t − λ, 0, 1) with t such that Σθ = k, found
    by bisection (from the variational form min_θ ½Σ x²/θ over 0 ≤ θ ≤ 1, Σθ ≤ k).
    """
    size = np.abs(v)
    if strength <= 0 or not 1 <= k <= v.size:
        raise InputError("prox out of range", got=(strength, k), expected="λ > 0, 1 <= k <= n")
    if np.count_nonzero(size) <= k:
        return v / (1.0 + strength)

    def theta(t: float) -> Floats:
        return np.clip(size / t - strength, 0.0, 1.0)

    low, high = float(size[size > 0].min()) / (1.0 + strength) * 0.5, float(size.max()) / strength
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if theta(middle).sum() > k else (low, middle)
    share = theta(0.5 * (low + high))
    u: Floats = v * share / (share + strength)
    return u
