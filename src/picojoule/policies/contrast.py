"""Self-contrast: what a strong and a weak pass of one model disagree on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from picojoule.errors import InputError

__all__ = ["self_contrast"]


def self_contrast(
    strong: NDArray[Any], weak: NDArray[Any], beta: float = 0.5, alpha: float = 0.1
) -> NDArray[np.float64]:
    """(1 + β) strong − β weak, and −inf where strong < log α + max(strong).

    strong, weak: (..., tokens) logits of the same input; SCMoE takes them from two ways to route
    a mixture of experts (arXiv 2405.14507, section 3). Raises InputError for a beta below 0 or an
    alpha outside 0..1.
    """
    if beta < 0 or not 0 < alpha <= 1:
        raise InputError("beta or alpha is not possible", got=(beta, alpha), expected=">= 0, 0..1")
    strong = np.asarray(strong, float)
    plausible = strong >= np.log(alpha) + strong.max(axis=-1, keepdims=True)
    return np.where(plausible, (1 + beta) * strong - beta * np.asarray(weak, float), -np.inf)
