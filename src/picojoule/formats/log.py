"""Logarithmic: powers of a base between 1 and 2 or more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from picojoule.errors import InputError
from picojoule.formats.arrays import as_floats, in_chunks
from picojoule.formats.base import Arithmetic, Codes, FormatBase, code_dtype
from picojoule.formats.integer import few_bits

__all__ = ["Log"]


@dataclass(frozen=True, slots=True)
class Log(FormatBase):
    """Zero and 2^(-c q/r) for c = 0, 1, ..., all in 0..1, with a sign bit if `signed`.

    q = r is log2, q = r/2 log√2, and a free q with r = 37 is AdaLog (arXiv 2407.12951). The last
    code of each sign is zero, so that zero costs no further bit. Rounds to the nearest exponent,
    ties to even, which is not always the nearest value. Above 1 saturates to 1, below half a step
    under the smallest power becomes 0; so does what is negative, if not signed.
    Raises InputError outside 2..16 bits (signed: 3..16), if q or r is not positive, or for powers
    below 2^-1022.
    """

    bits: int
    q: int = 1
    r: int = 1
    signed: bool = False

    def __post_init__(self) -> None:
        sound = 2 + self.signed <= self.bits <= 16 and self.q >= 1 and self.r >= 1
        if not (sound and self._zero * self.q <= 1022 * self.r):
            raise InputError(
                "not a logarithmic format",
                got=f"{self.bits} bits, base 2^({self.q}/{self.r})",
                expected=f"{2 + self.signed}..16 bits, q and r of at least 1, powers above 2^-1022",
            )

    @property
    def name(self) -> str:
        """'ulog4' for base 2, 'ulog4_q19r37'; 'log4' when signed."""
        base = "" if self.q == self.r else f"_q{self.q}r{self.r}"
        return f"{'' if self.signed else 'u'}log{self.bits}{base}"

    @property
    def arithmetic(self) -> Arithmetic:
        """A shift for whole powers of two; other bases look up a fraction and multiply by it."""
        return Arithmetic.INTEGER if self.q % self.r else Arithmetic.SHIFT

    @property
    def limits(self) -> tuple[float, float]:
        """(0, 1), or (-1, 1) if signed."""
        return (-1.0 if self.signed else 0.0), 1.0

    def bits_per_element(self, shape: Sequence[int] = ()) -> float:
        """The bits; scale and shift belong to the quantiser."""
        return float(self.bits)

    def encode(self, x: ArrayLike) -> Codes:
        """Exponents c, unsigned; the top bit is the sign if signed."""
        return Codes(in_chunks(as_floats(x), code_dtype(self.bits), self._encode))

    def decode(self, codes: Codes) -> NDArray[Any]:
        """float32 where the smallest power is a normal one, else float64."""
        c = codes.values.astype(np.int64)
        exponent = c & self._zero
        # Adding 0 turns a negative zero into a plain one.
        values = np.where(exponent == self._zero, 0.0, np.exp2(-exponent * (self.q / self.r)))
        values = np.where(c > self._zero, -values, values) + 0.0
        return values.astype(np.float32 if self._zero * self.q / self.r < 126 else np.float64)

    def every_code(self) -> Codes:
        """0 to 2^bits - 1."""
        few_bits(self.bits)
        return Codes(np.arange(1 << self.bits).astype(code_dtype(self.bits)))

    @property
    def _zero(self) -> int:
        """The code of zero, above all exponents."""
        return (1 << (self.bits - self.signed)) - 1

    def _encode(self, x: NDArray[Any], out: NDArray[Any], scratch: NDArray[Any]) -> None:
        magnitude = np.abs(x) if self.signed else np.maximum(x, 0)
        with np.errstate(divide="ignore"):
            c = np.rint(np.log2(magnitude, dtype=np.float64) * (-self.r / self.q))
        c = np.clip(c, 0, self._zero)
        negative = np.signbit(x) & (c != self._zero) & self.signed
        out[...] = c + np.where(negative, self._zero + 1, 0)
