"""Signals: one number for each sample, from logits or from features.

logits: (..., classes). Each is higher for surer samples, except `entropy` and `free_energy`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, logsumexp, softmax

__all__ = ["cosine", "entropy", "free_energy", "margin", "max_prob"]

Floats = NDArray[np.float64]


def max_prob(logits: NDArray[Any]) -> Floats:
    """The largest probability, 1/classes to 1."""
    return np.asarray(softmax(logits, axis=-1).max(axis=-1))


def margin(logits: NDArray[Any]) -> Floats:
    """The largest probability minus the second largest, 0 to 1."""
    top = np.sort(softmax(logits, axis=-1), axis=-1)
    return np.asarray(top[..., -1] - top[..., -2])


def entropy(logits: NDArray[Any]) -> Floats:
    """Entropy of the probabilities in nats, 0 to ln(classes)."""
    return np.asarray(-(softmax(logits, axis=-1) * log_softmax(logits, axis=-1)).sum(axis=-1))


def free_energy(logits: NDArray[Any], temperature: float = 1.0) -> Floats:
    """−T log Σ exp(logit/T): lower for samples like those trained on (E-LANG, arXiv 2203.00748)."""
    return np.asarray(-temperature * logsumexp(np.asarray(logits) / temperature, axis=-1))


def cosine(a: NDArray[Any], b: NDArray[Any]) -> Floats:
    """Cosine of two features along the last axis, −1 to 1; 0 where one of them is all zero."""
    size = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return np.asarray((a * b).sum(axis=-1) / np.where(size == 0, 1.0, size))
