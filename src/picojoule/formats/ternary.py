"""Ternary: -1, 0 or 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from picojoule.errors import InputError
from picojoule.formats.arrays import as_floats, in_chunks
from picojoule.formats.base import Arithmetic, Codes, FormatBase

__all__ = ["Ternary"]


@dataclass(frozen=True, slots=True)
class Ternary(FormatBase):
    """sign(x) where |x| > threshold, else 0.

    The threshold is in units of the quantiser's scale: 0.5 is clip(round(x), -1, 1), as in
    MatMul-free LM (arXiv 2406.02528). bits: 2 as stored by most kernels, 1.6 with five in a
    byte, log2(3) with an ideal code. Raises InputError for fewer bits or a negative threshold.
    """

    threshold: float = 0.5
    bits: float = 2.0

    def __post_init__(self) -> None:
        if not (0 <= self.threshold < math.inf and self.bits >= math.log2(3)):
            raise InputError(
                "not a ternary format",
                got=f"threshold {self.threshold}, {self.bits} bits",
                expected="a threshold of at least 0 and at least log2(3) = 1.585 bits",
            )

    @property
    def name(self) -> str:
        """'ternary'."""
        return "ternary"

    @property
    def arithmetic(self) -> Arithmetic:
        """A sign: no multiplier."""
        return Arithmetic.SIGN

    @property
    def limits(self) -> tuple[float, float]:
        """(-1, 1)."""
        return -1.0, 1.0

    def bits_per_element(self, shape: Sequence[int] = ()) -> float:
        """The bits; the scale belongs to the quantiser."""
        return self.bits

    def encode(self, x: ArrayLike) -> Codes:
        """int8 of -1, 0 or 1."""
        return Codes(in_chunks(as_floats(x), np.int8, self._signs))

    def decode(self, codes: Codes) -> NDArray[Any]:
        """float32."""
        return codes.values.astype(np.float32)

    def quantize(self, x: ArrayLike) -> NDArray[Any]:
        """decode(encode(x)), in x's precision."""
        a = as_floats(x)
        return in_chunks(a, a.dtype, self._signs)

    def every_code(self) -> Codes:
        """-1, 0, 1."""
        return Codes(np.array([-1, 0, 1], np.int8))

    def _signs(self, x: NDArray[Any], out: NDArray[Any], scratch: NDArray[Any]) -> None:
        np.subtract(x > self.threshold, x < -self.threshold, out=out, dtype=np.int8)
