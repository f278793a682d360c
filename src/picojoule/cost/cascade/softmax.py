"""Softmax in three, two and one pass: the same function, for checking what cascades promise.

Each takes a vector of floats and traverses it as its name says. Accumulators have the type of
the input, so the rounding is that of the order of evaluation.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from picojoule.errors import InputError

__all__ = ["online", "three_pass", "two_pass"]

Vector = npt.NDArray[np.floating]


def three_pass(x: Vector) -> Vector:
    """Maximum; exponentials and their sum; division."""
    x = _vector(x)
    numerator = np.exp(x - x.max())
    return np.asarray(numerator / numerator.sum(dtype=x.dtype))


def two_pass(x: Vector) -> Vector:
    """Sum as a pair (m, n) of value m·2ⁿ, which no exponential overflows; then results.

    exp(x) = m·2ⁿ with n = round(x / ln 2), so that no maximum has to be known (Dukhan and
    Ablavatski, arXiv 2001.04438, algorithm 3).
    """
    x = _vector(x)
    m, n = _extended_exp(x)
    top = n.max()
    total = np.ldexp(m, n - top).sum(dtype=x.dtype)
    return np.asarray(np.ldexp(m / total, n - top))


def online(x: Vector, tile: int = 1) -> Vector:
    """Running maximum and rescaled sum, `tile` elements at a time; then results.

    Milakov and Gimelshein, arXiv 1805.02867, algorithm 3. The pass over `x` that sums needs no
    earlier one; the results are formed from the finished pair.
    """
    x = _vector(x)
    if tile < 1:
        raise InputError("a tile of no size", got=tile, expected="at least 1")
    top, total = x.dtype.type(-np.inf), x.dtype.type(0)
    for start in range(0, len(x), tile):
        part = x[start : start + tile]
        higher = np.maximum(top, part.max())
        total = total * np.exp(top - higher) + np.exp(part - higher).sum(dtype=x.dtype)
        top = higher
    return np.asarray(np.exp(x - top) / total)


def _extended_exp(x: Vector) -> tuple[Vector, npt.NDArray[np.intc]]:
    """exp(x) as m·2ⁿ with m in about [0.7, 1.42]. ln 2 in two parts keeps the remainder exact."""
    kind = x.dtype.type
    n = np.rint(x * kind(1 / np.log(2)))
    high = kind(np.float32(0.693145752))  # its low bits are 0, so n · high is exact
    low = kind(np.log(2) - float(high))
    return np.exp((x - n * high) - n * low), n.astype(np.intc)


def _vector(x: Vector) -> Vector:
    x = np.asarray(x)
    if x.ndim != 1 or not x.size or not np.issubdtype(x.dtype, np.floating):
        got = f"{x.dtype} of shape {x.shape}"
        raise InputError("not a vector of floats", got=got, expected="floats of shape (n,)")
    if not np.isfinite(x).all():
        raise InputError("softmax of values that are not finite")
    return x
