"""Attention patterns: which query may look at which key. True is computed.

The patterns of video diffusion transformers (Sparse-vDiT, arXiv 2506.03065): diagonal, many
diagonals, stripes, nothing. A mask's share of True is its share of the score and value MACs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from picojoule.errors import InputError
from picojoule.transforms.sparsify.pattern import Mask

__all__ = ["causal", "choose", "diagonal", "full", "many_diagonals", "masked_attention", "nothing",
           "stripes"]  # fmt: skip

Floats = NDArray[np.floating[Any]]


def full(n: int) -> Mask:
    """All of n × n."""
    return np.ones((n, n), bool)


def causal(n: int) -> Mask:
    """Keys up to the query."""
    return np.tril(full(n))


def diagonal(n: int, width: int) -> Mask:
    """Keys less than `width` from the query: the same frame's neighbours."""
    return _apart(n) < width


def many_diagonals(n: int, stride: int, width: int = 1) -> Mask:
    """Diagonals every `stride`: the same place in other frames of `stride` tokens."""
    if stride < 1:
        raise InputError("a stride is at least 1", got=stride)
    apart = _apart(n) % stride
    return np.minimum(apart, stride - apart) < width


def stripes(n: int, columns: Sequence[int]) -> Mask:
    """A few keys, for every query."""
    mask = np.zeros((n, n), bool)
    mask[:, list(columns)] = True
    return mask


def nothing(n: int) -> Mask:
    """The head is left out."""
    return np.zeros((n, n), bool)


def masked_attention(q: Floats, k: Floats, v: Floats, mask: Mask) -> Floats:
    """softmax(q kᵀ/√d) over the mask's keys, times v; a query without keys gives 0. (n, d) each."""
    score = np.where(mask, q @ k.T / np.sqrt(q.shape[1]), -np.inf)
    top = score.max(axis=1, keepdims=True)
    weight = np.exp(score - np.where(np.isfinite(top), top, 0.0))
    total = weight.sum(axis=1, keepdims=True)
    out: Floats = weight @ v / np.where(total > 0, total, 1.0)
    return out


def choose(q: Floats, k: Floats, v: Floats, masks: Mapping[str, Mask], most_error: float) -> str:
    """The name of the mask of fewest MACs whose output is close enough to full attention's.

    Error: relative, ‖o − o_full‖ / ‖o_full‖. Raises InputError when none is close enough.
    """
    whole = masked_attention(q, k, v, full(len(q)))
    scale = np.linalg.norm(whole)
    error = {
        name: float(np.linalg.norm(masked_attention(q, k, v, mask) - whole) / scale)
        for name, mask in masks.items()
    }
    good = [name for name in masks if error[name] <= most_error]
    if not good:
        best = min(error, key=lambda name: error[name])
        raise InputError(
            "no pattern is close enough", got=f"{best} with error {error[best]:.3g}",
            expected=f"<= {most_error:g}", fix="add the full mask",
        )  # fmt: skip
    return min(good, key=lambda name: int(masks[name].sum()))


def _apart(n: int) -> NDArray[np.int64]:
    place = np.arange(n)
    apart: NDArray[np.int64] = np.abs(place[:, None] - place[None, :])
    return apart
