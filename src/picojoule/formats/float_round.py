"""Rounding floats to fewer bits without leaving the array's precision.

Both kernels round to nearest, ties to even, and write to `out`. They read exponents from the
bit patterns, so they are exact, and need no logarithm and no division.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DOUBLE", "SINGLE", "Layout", "layout_of", "round_mantissa", "round_to_step"]

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """How IEEE 754 stores a float: an integer of the same width, mantissa bits, bias."""

    dtype: type[np.floating[Any]]
    integer: type[np.signedinteger[Any]]
    mantissa: int
    bias: int

    @property
    def infinity(self) -> int:
        """Its pattern: the exponent field, all ones. Magnitudes from here on are not finite."""
        return (2 * self.bias + 1) << self.mantissa

    @property
    def magnitude_mask(self) -> int:
        """All but the sign."""
        return self.infinity + (1 << self.mantissa) - 1

    def shifter(self, mantissa: int) -> int:
        """What turns the pattern of 2^e into that of 1.5 · 2^(e + self.mantissa - mantissa).

        Adding that number and subtracting it again leaves multiples of 2^(e - mantissa): a
        float so large has no finer ones, and the half keeps negative sums in its binade.
        """
        return ((self.mantissa - mantissa) << self.mantissa) + (1 << (self.mantissa - 1))


SINGLE = Layout(np.float32, np.int32, 23, 127)
DOUBLE = Layout(np.float64, np.int64, 52, 1023)


def layout_of(x: Array) -> Layout:
    """The layout of a float32 or float64 array."""
    return SINGLE if x.dtype == np.float32 else DOUBLE


def round_to_step(
    x: Array, out: Array, scratch: Array, mantissa: int, least: int, largest: float
) -> None:
    """`x` with `mantissa` bits, in steps of at least 2^(least - mantissa), saturated.

    Needs room above: 2^(exponent of largest + layout.mantissa - mantissa) must be finite.
    """
    layout = layout_of(x)
    top = max(int(np.frexp(largest)[1]) - 1, least)
    low, high = (layout.integer(e + layout.bias << layout.mantissa) for e in (least, top))
    steps = scratch.view(layout.integer)
    np.bitwise_and(x.view(layout.integer), layout.integer(layout.infinity), out=steps)
    np.clip(steps, low, high, out=steps)
    np.add(steps, layout.integer(layout.shifter(mantissa)), out=steps)
    np.clip(x, -largest, largest, out=out)
    np.add(out, scratch, out=out)
    np.subtract(out, scratch, out=out)


def round_mantissa(x: Array, out: Array, scratch: Array, mantissa: int, largest: float) -> None:
    """`x` with its exponent range and `mantissa` bits: half is added to the bit pattern."""
    layout = layout_of(x)
    shift = layout.mantissa - mantissa
    np.clip(x, -largest, largest, out=out)
    if not shift:
        return
    bits, odd = out.view(layout.integer), scratch.view(layout.integer)
    np.right_shift(bits, layout.integer(shift), out=odd)
    np.bitwise_and(odd, layout.integer(1), out=odd)
    np.add(odd, layout.integer((1 << (shift - 1)) - 1), out=odd)
    np.add(bits, odd, out=bits)
    np.bitwise_and(bits, layout.integer(-1 << shift), out=bits)
