"""Scales after the group: integer sums first, one multiplication by a scale per group.

Weights with one scale per group of g along k cost k multiplications by a scale per output when
they are dequantised first, and k/g when the integer sum of a group is scaled. Within a group a
few-bit weight is shifts and adds of the activation (MixPE, arXiv 2411.16158).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from picojoule.errors import InputError

__all__ = ["dequantised_gemm", "grouped_gemm", "scale_multiplications", "shift_adds"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def dequantised_gemm(x: npt.ArrayLike, codes: npt.ArrayLike, scales: npt.ArrayLike) -> Floats:
    """x · (scales ⊙ codes)ᵀ: every weight is scaled, then multiplied.

    x: m × k whole numbers. codes: n × k. scales: n × k/g. Returns m × n. Raises InputError where
    k is no multiple of the number of groups, or the shapes differ.
    """
    rows, weights, scale, group = _sizes(x, codes, scales)
    product: Floats = rows @ (np.repeat(scale, group, axis=1) * weights).T
    return product


def grouped_gemm(x: npt.ArrayLike, codes: npt.ArrayLike, scales: npt.ArrayLike) -> Floats:
    """The same, with the integer sum of each group scaled once. Arguments as above."""
    rows, weights, scale, group = _sizes(x, codes, scales)
    sums = np.einsum(
        "mgk,ngk->mng",
        rows.reshape(len(rows), -1, group),
        weights.reshape(len(weights), -1, group),
    )
    product: Floats = np.einsum("mng,ng->mn", sums.astype(float), scale)
    return product


def scale_multiplications(k: int, group: int | None = None) -> int:
    """Multiplications by a scale per output: k when dequantising first (group None), else
    ceil(k/g). Raises InputError below 1."""
    if k < 1 or (group is not None and group < 1):
        raise InputError("a sum and a group need elements", got=(k, group), expected="at least 1")
    return k if group is None else math.ceil(k / group)


def shift_adds(codes: npt.ArrayLike) -> Ints:
    """Shifted activations that a product with each code adds: the ones of its magnitude."""
    magnitude = np.abs(np.asarray(codes).astype(np.int64))
    ones: Ints = sum((magnitude >> b & 1 for b in range(63)), np.zeros_like(magnitude))
    return ones


def _sizes(
    x: npt.ArrayLike, codes: npt.ArrayLike, scales: npt.ArrayLike
) -> tuple[Ints, Ints, Floats, int]:
    rows, weights, scale = np.asarray(x), np.asarray(codes), np.asarray(scales, float)
    if rows.dtype.kind not in "iu" or weights.dtype.kind not in "iu":
        raise InputError("activations and codes are whole numbers", got=(rows.dtype, weights.dtype))
    shapes = (rows.shape, weights.shape, scale.shape)
    fits = all(len(s) == 2 for s in shapes) and rows.shape[1] == weights.shape[1]
    if not fits or len(scale) != len(weights) or not scale.size or rows.shape[1] % scale.shape[1]:
        raise InputError("shapes of a grouped product", got=shapes, expected="m×k, n×k, n×(k/g)")
    return rows.astype(np.int64), weights.astype(np.int64), scale, rows.shape[1] // scale.shape[1]
