"""Digits of a multiplier, and how many of them are not zero.

A multiplier adds one partial product per digit, and hardware that skips zeros pays for the others
alone, so the data decides (bit-weight transformation of MACs, HPCA 2025, arXiv 2503.06342).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from picojoule.errors import InputError

__all__ = ["booth_digits", "mean_partial_products", "partial_products", "signed_digits"]

Ints = npt.NDArray[np.int64]
Encoding = Callable[[npt.ArrayLike, int], Ints]


def signed_digits(values: npt.ArrayLike, bits: int = 8) -> Ints:
    """Radix-4 digits of the magnitude in {−1, 0, 1, 2}, times the sign (EN-T); lowest first.

    Digit 3 is −1 with a carry. Σ digit·4^i is the value. Returns values × bits/2. Raises
    InputError for an odd or silly width, and values outside −2^(bits−1) to 2^(bits−1) − 1.
    """
    numbers = _numbers(values, bits)
    left, digits = np.abs(numbers), []
    for _ in range(bits // 2):
        digit = left & 3
        digit = np.where(digit == 3, -1, digit)
        left = (left - digit) >> 2
        digits.append(digit * np.sign(numbers))
    return np.stack(digits, axis=-1)


def booth_digits(values: npt.ArrayLike, bits: int = 8) -> Ints:
    """Radix-4 Booth digits in {−2 .. 2} of the two's complement, lowest first: b(2i) + b(2i−1) −
    2·b(2i+1) (Booth, 1951; MacSorley, 1961). Arguments as above."""
    numbers = _numbers(values, bits)
    doubled = numbers << 1
    triples = np.stack([doubled >> 2 * i & 7 for i in range(bits // 2)], axis=-1)
    found: Ints = (triples & 1) + (triples >> 1 & 1) - 2 * (triples >> 2 & 1)
    return found


def partial_products(digits: npt.ArrayLike) -> Ints:
    """Nonzero digits of each value; digits on the last axis."""
    counts: Ints = (np.asarray(digits) != 0).sum(axis=-1)
    return counts


def mean_partial_products(encoding: Encoding, sigma: float, bits: int = 8) -> float:
    """Expected partial products of N(0, σ) rounded to whole numbers and clipped to `bits`.

    The exact sum over all values, by the normal distribution function; no sampling. Raises
    InputError for σ that isn't above 0.
    """
    if not (math.isfinite(sigma) and sigma > 0):
        raise InputError("not a spread", got=sigma, expected="above 0")
    top = 1 << bits - 1
    below = [0.5 * math.erfc(-(v + 0.5) / (sigma * math.sqrt(2))) for v in range(-top, top - 1)]
    share = np.diff([0.0, *below, 1.0])
    return float(share @ partial_products(encoding(np.arange(-top, top), bits)))


def _numbers(values: npt.ArrayLike, bits: int) -> Ints:
    array = np.asarray(values)
    if bits % 2 or not 2 <= bits <= 32:
        raise InputError("no radix-4 digits of this width", got=bits, expected="even, 2 to 32")
    if array.dtype.kind not in "iu":
        raise InputError("digits are those of whole numbers", got=array.dtype)
    top = 1 << bits - 1
    if array.size and not (array.min() >= -top and array.max() < top):
        raise InputError("values out of range", got=f"{array.min()} to {array.max()}",
                         expected=f"{-top} to {top - 1}")  # fmt: skip
    return array.astype(np.int64)
