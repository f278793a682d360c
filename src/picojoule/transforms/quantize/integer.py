"""Integer-only arithmetic: what a layer does when no float may be touched.

All arrays are int64; a number is its code times a step that is known before the run, so steps are
floats only while a network is built. Right shifts round down, as hardware's do. Shiftmax and
ShiftGELU are those of I-ViT (arXiv 2207.01405, section 3); constants that its released code has
otherwise are said where they matter.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from picojoule.errors import InputError

__all__ = ["DIVIDEND", "isqrt", "norm", "rescale", "shift_exp", "shift_gelu", "shift_sigmoid",
           "shiftmax"]  # fmt: skip

Array = NDArray[Any]

# 2^DIVIDEND / Σ stands for 1 / Σ. I-ViT's code has 31: with 23 fraction bits of the exponential, Σ
# is so large that only 3 to 17 is left of the quotient, and GELU errs by up to 0.3.
DIVIDEND = 48


def rescale(z: Array, m: Array | int, e: Array | int) -> Array:
    """round(z · m / 2^e), half up: HAWQ-V3's requantisation, with m and e of `dyadic_parts`.

    Exact while |z · m| < 2^62, which 32-bit accumulators and 30-bit m are. Raises InputError
    where a product wouldn't be.
    """
    m, e = np.asarray(m, np.int64), np.asarray(e, np.int64)
    if z.size and float(np.abs(z).max()) * float(np.abs(m).max()) >= 2.0**62:
        raise InputError(
            "a product exceeds 64 bits", got=f"{np.abs(z).max()} · {m.max()}",
            fix="a narrower accumulator, or fewer bits of m",
        )  # fmt: skip
    product = z * m
    right = np.clip(e, 1, 62)
    # What is shifted out by more than 62 is below one half.
    shifted = np.where(e > 62, 0, (product + (1 << (right - 1))) >> right)
    return np.asarray(np.where(e > 0, shifted, product << np.clip(-e, 0, 62)))


def isqrt(n: Array) -> Array:
    """⌊√n⌋ of int64 n >= 0 by Newton's method, from 2^⌈bits/2⌉, which is never below the root.

    From above each step goes down until the root is reached, so the stop is exact. A fixed start
    and 10 steps, as in I-ViT's code, give 64 for 1 and 118 for 12345.
    """
    n = np.asarray(n, np.int64)
    bits = np.frexp(np.maximum(n, 1).astype(np.float64))[1].astype(np.int64)
    x = np.int64(1) << ((bits + 1) >> 1)
    while True:
        y = (x + n // np.maximum(x, 1)) >> 1
        if (y >= x).all():
            return np.where(n > 0, x, 0)
        x = np.minimum(x, y)


def shift_exp(x: Array, step: float, fraction: int) -> Array:
    """exp(x · step) for x <= 0, as a code with the step `step` / 2^fraction.

    exp(v) = 2^(v log2 e), with log2 e ≈ 1 + 1/2 - 1/16 by shifts; of the exponent the whole part
    is a shift and the rest r is 1 + r/2 (I-ViT, eqs. 9 to 13).
    """
    x = x + (x >> 1) - (x >> 4)
    one = math.floor(-1 / step)
    x = np.maximum(x, fraction * one)
    q = x // one
    r = x - one * q
    code: Array = ((r - 2 * one) << (fraction - q)) >> 1
    return np.asarray(code)


def shiftmax(x: Array, step: float, *, bits: int = 8, fraction: int = 15) -> Array:
    """softmax over the last axis, codes with the step 2^(1 - bits)."""
    e = shift_exp(x - x.max(axis=-1, keepdims=True), step, fraction)
    return _share(e, e.sum(axis=-1, keepdims=True), bits, DIVIDEND)


def shift_sigmoid(
    x: Array, step: float, *, bits: int = 8, fraction: int = 23, dividend: int = DIVIDEND
) -> Array:
    """1 / (1 + exp(-x · step)), codes with the step 2^(1 - bits).

    exp(x - max) / (exp(x - max) + exp(-max)), max over the last axis and at least 0.
    """
    top = np.maximum(x.max(axis=-1, keepdims=True), 0)
    e = shift_exp(x - top, step, fraction)
    return _share(e, e + shift_exp(-top, step, fraction), bits, dividend)


def shift_gelu(
    x: Array, step: float, *, bits: int = 8, fraction: int = 23, dividend: int = DIVIDEND
) -> Array:
    """x · sigmoid(1.702 x), codes with the step `step` · 2^(1 - bits).

    That form itself is up to 0.0203 from x · Φ(x).
    """
    gate = shift_sigmoid(x, 1.702 * step, bits=bits, fraction=fraction, dividend=dividend)
    return np.asarray(x * gate)


def norm(x: Array) -> Array:
    """(x - mean) / standard deviation over the last axis, codes with the step √n / 2^30.

    Of n elements; whatever the step of x is, it cancels. A constant row gives zeros.
    """
    n = x.shape[-1]
    total = x.sum(axis=-1, keepdims=True)
    y = x - (2 * total + n) // (2 * n)
    root = isqrt((y * y).sum(axis=-1, keepdims=True))
    return np.asarray(y * ((1 << 30) // np.maximum(root, 1)))


def _share(part: Array, whole: Array, bits: int, dividend: int) -> Array:
    """part / whole, rounded down, in steps of 2^(1 - bits)."""
    share: Array = (part * ((1 << dividend) // whole)) >> (dividend - bits + 1)
    return share
