"""Fixed point: an integer times a power of two that is part of the format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from picojoule.errors import InputError
from picojoule.formats.arrays import finite
from picojoule.formats.base import Codes, FormatBase
from picojoule.formats.integer import Int

__all__ = ["FixedPoint"]


@dataclass(frozen=True, slots=True)
class FixedPoint(FormatBase):
    """FixedPoint(8, 4): 8 bits, 4 of them after the point; steps of 2^-4 from -8 to 7.9375.

    overflow: 'saturate', or 'wrap' as an adder without guard bits does. Rounds to nearest, ties
    to even. QFX's cast: overflow(round(x << f), w) >> f.
    Raises InputError outside 1..53 bits or -256..256 fraction bits.
    """

    bits: int
    fraction: int
    signed: bool = True
    overflow: Literal["saturate", "wrap"] = "saturate"

    def __post_init__(self) -> None:
        if not (1 <= self.bits <= 53 and -256 <= self.fraction <= 256):
            raise InputError(
                "not a fixed-point format",
                got=f"{self.bits} bits, {self.fraction} of them fraction",
                expected="1..53 bits and a fraction of -256..256",
            )
        if self.overflow not in ("saturate", "wrap"):
            raise InputError("unknown overflow", got=self.overflow, expected="saturate or wrap")

    @property
    def integer(self) -> Int:
        """The format of the codes."""
        return Int(self.bits, self.signed)

    @property
    def name(self) -> str:
        """'fixed8f4', 'ufixed8f4'."""
        return f"{'' if self.signed else 'u'}fixed{self.bits}f{self.fraction}"

    @property
    def limits(self) -> tuple[float, float]:
        """Those of the integer, scaled."""
        low, high = self.integer.limits
        return float(np.ldexp(low, -self.fraction)), float(np.ldexp(high, -self.fraction))

    def bits_per_element(self, shape: Sequence[int] = ()) -> float:
        """The bits; the place of the point is not stored."""
        return float(self.bits)

    def encode(self, x: ArrayLike) -> Codes:
        """The integers x · 2^fraction, rounded, then saturated or wrapped."""
        a = finite(x, single=False)
        low, high = self.integer.limits
        if self.overflow == "saturate":
            a = np.clip(a, *self.limits)
        else:  # the remainder is exact, and keeps what follows within a float64
            a = np.fmod(a, np.ldexp(1.0, self.bits - self.fraction))
        scaled = np.rint(np.ldexp(a, self.fraction))
        return self.integer.encode(np.mod(scaled - low, high - low + 1) + low)

    def decode(self, codes: Codes) -> NDArray[Any]:
        """float32 up to 24 bits and where the fraction permits, else float64."""
        values = np.ldexp(codes.values.astype(np.float64), -self.fraction)
        single = self.bits <= 24 and -100 <= self.fraction <= 126
        return values.astype(np.float32) if single else values

    def every_code(self) -> Codes:
        """Those of the integer."""
        return self.integer.every_code()
