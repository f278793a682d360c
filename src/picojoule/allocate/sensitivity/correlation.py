"""Canonical correlation between a layer's outputs before and after a change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from picojoule.allocate.sensitivity.changes import finite
from picojoule.errors import InputError
from picojoule.ledger import Array

__all__ = ["cca"]


def cca(original: Sequence[Any], changed: Sequence[Sequence[Any]]) -> Array:
    """1 − the mean canonical correlation of original[unit] with changed[unit][option].

    Both [sample, feature], with more samples than features; None where the unit lacks the option.
    CPTQuant's correlation metric (Nanda et al., 2024): low correlation asks for high precision.
    It is the mean of the singular values of Q₁ᵀQ₂ with Q orthonormal bases of the centred outputs
    (Hardoon et al., 2004), over the rank of the original's. Any invertible linear map of the
    features is seen as no change: scale and mixing errors don't count, lost directions do. Raises
    InputError for too few samples, another shape, or values that are not finite.
    """
    if len(changed) != len(original) or len({len(c) for c in changed}) != 1:
        raise InputError("outputs aren't [unit][option]", got=[len(c) for c in changed])
    out = np.full((len(original), len(changed[0])), np.nan)
    for unit, (before, options) in enumerate(zip(original, changed, strict=True)):
        basis = _basis(before, f"unit {unit}")
        for option, after in enumerate(options):
            if after is not None:
                other = _basis(after, f"unit {unit}, option {option}", len(basis))
                out[unit, option] = 1 - _correlation(basis, other)
    return out


def _correlation(a: Array, b: Array) -> float:
    if not a.shape[1]:
        return 1.0  # a constant output stays as informative as it was
    values = np.linalg.svd(a.T @ b, compute_uv=False)
    return float(np.minimum(values, 1).sum() / a.shape[1])


def _basis(values: Any, where: str, samples: int | None = None) -> Array:
    """Orthonormal columns that span the centred features."""
    x = np.asarray(values, dtype=float)
    if x.ndim != 2 or x.shape[0] <= x.shape[1] or x.shape[0] != (samples or x.shape[0]):
        raise InputError(
            "outputs aren't [sample, feature] with more samples than features", where=where,
            got=f"shape {x.shape}", expected=f"{samples or 'n'} samples",
        )  # fmt: skip
    finite(float(x.sum()), where)
    u, s, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    basis: Array = u[:, s > 1e-10 * max(s.max(initial=0.0), 1e-300)]
    return basis
