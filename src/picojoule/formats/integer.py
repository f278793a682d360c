"""Two's complement or unsigned integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from picojoule.errors import InputError
from picojoule.formats.arrays import as_floats, in_chunks
from picojoule.formats.base import Codes, FormatBase, code_dtype

__all__ = ["INT8", "INT32", "INT64", "Int"]


@dataclass(frozen=True, slots=True)
class Int(FormatBase):
    """Int(8) is int8; Int(4, signed=False) is uint4. Raises InputError outside 1..64 bits.

    narrow leaves out the least value, so that int8 is -127..127 and symmetric. Rounds to
    nearest, ties to even; saturates. A zero point belongs to the quantiser, beside its scale:
    the integer grid is the same with and without one.
    """

    bits: int
    signed: bool = True
    narrow: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 64:
            raise InputError("not an integer format", got=f"{self.bits} bits", expected="1..64")
        if self.narrow and not (self.signed and self.bits > 1):
            raise InputError("only signed integers of 2 bits or more can be narrow", got=self)

    @property
    def name(self) -> str:
        """'int8', 'uint4'."""
        return f"{'' if self.signed else 'u'}int{self.bits}"

    @property
    def limits(self) -> tuple[float, float]:
        """(-128, 127) for Int(8); the largest of 64 bits is the float64 below it."""
        low, high = self._range()
        top = float(high) if float(high) <= high else float(np.nextafter(float(high), 0))
        return float(low), top

    def _range(self) -> tuple[int, int]:
        half = 1 << (self.bits - 1)
        return (self.narrow - half, half - 1) if self.signed else (0, 2 * half - 1)

    def bits_per_element(self, shape: Sequence[int] = ()) -> float:
        """The bits; scales and zero points belong to the quantiser."""
        return float(self.bits)

    def encode(self, x: ArrayLike) -> Codes:
        """The rounded integers, in the narrowest integer type."""
        dtype = code_dtype(self.bits, signed=self.signed)
        return Codes(in_chunks(self._floats(x), dtype, self._round))

    def decode(self, codes: Codes) -> NDArray[Any]:
        """float32 up to 24 bits, else float64."""
        return codes.values.astype(np.float32 if self._single else np.float64)

    def quantize(self, x: ArrayLike) -> NDArray[Any]:
        """Rounds and clips without a detour over integers."""
        a = self._floats(x)
        return in_chunks(a, a.dtype, self._round)

    def every_code(self) -> Codes:
        """From the least to the largest."""
        low, high = self._range()
        few_bits(self.bits)
        return Codes(np.arange(low, high + 1).astype(code_dtype(self.bits, signed=self.signed)))

    @property
    def _single(self) -> bool:
        return self.bits <= 24

    def _floats(self, x: ArrayLike) -> NDArray[Any]:
        return as_floats(x, single=self._single)

    def _round(self, x: NDArray[Any], out: NDArray[Any], scratch: NDArray[Any]) -> None:
        np.rint(x, out=scratch)
        np.clip(scratch, *self.limits, out=out, casting="unsafe")


def few_bits(bits: int) -> None:
    """Raises InputError for more codes than one would list."""
    if bits > 16:
        raise InputError("too many codes to list", got=f"{bits} bits", expected="at most 16")


INT8, INT32, INT64 = Int(8), Int(32), Int(64)
