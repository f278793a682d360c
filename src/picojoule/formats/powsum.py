"""Sums of powers of two: products become shifts and adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from picojoule.errors import InputError
from picojoule.formats.arrays import as_floats, in_chunks, nearest
from picojoule.formats.base import Arithmetic, Codes, FormatBase, code_dtype
from picojoule.formats.integer import few_bits

__all__ = ["PowSum"]


@dataclass(frozen=True, slots=True)
class PowSum(FormatBase):
    """Sums of up to `terms` numbers ±2^p with low <= p <= high; also 0.

    terms = 1 is DeepShift and ShiftAddViT (arXiv 1905.13298, 2306.06446), more are the K-hot
    numbers of QFX. PowSum(1, -14, 0) has 5 bits. Rounds to the nearest value, ties towards
    zero; saturates. Raises InputError outside 1..4 terms, for low > high, more than 32 powers,
    or powers beyond 2^±100.
    """

    terms: int = 1
    low: int = -14
    high: int = 0

    def __post_init__(self) -> None:
        powers = self.high - self.low + 1
        within = self.low >= -100 and self.high <= 100
        if not (1 <= self.terms <= 4 and 1 <= powers <= 32 and within):
            raise InputError(
                "not a sum of powers of two",
                got=f"{self.terms} terms, 2^{self.low} to 2^{self.high}",
                expected="1..4 terms and 1..32 powers between 2^-100 and 2^100",
            )

    @property
    def name(self) -> str:
        """'pow2_-14to0', 'pow2x2_-14to0'."""
        several = "" if self.terms == 1 else f"x{self.terms}"
        return f"pow2{several}_{self.low}to{self.high}"

    @property
    def arithmetic(self) -> Arithmetic:
        """One shift per term."""
        return Arithmetic.SHIFT

    @property
    def limits(self) -> tuple[float, float]:
        """terms · 2^high, both signs."""
        return -self.terms * 2.0**self.high, self.terms * 2.0**self.high

    def bits_per_element(self, shape: Sequence[int] = ()) -> float:
        """Per term a sign, and a power or none."""
        return float(self.terms * self._field)

    def encode(self, x: ArrayLike) -> Codes:
        """A field per term, the first lowest: 0 for none, else p - low + 1 with the sign above."""
        _, codes = _table(self)
        dtype = code_dtype(self.terms * self._field)

        def pack(piece: NDArray[Any], out: NDArray[Any], _: NDArray[Any]) -> None:
            code = codes[self._index(piece)]
            # Negating a number negates each of its terms.
            out[...] = np.where(piece < 0, _negated(code, self), code).astype(dtype)

        return Codes(in_chunks(as_floats(x), dtype, pack))

    def decode(self, codes: Codes) -> NDArray[Any]:
        """float32 where the powers span at most 22, else float64."""
        total = np.zeros(codes.values.shape)
        for k in range(self.terms):
            field = codes.values.astype(np.int64) >> (k * self._field)
            power = field & (1 << (self._field - 1)) - 1
            sign = 1 - 2 * (field >> (self._field - 1) & 1)
            total += np.where(power == 0, 0, np.ldexp(sign * 1.0, power + self.low - 1))
        return total.astype(np.float32 if self._single else np.float64)

    def quantize(self, x: ArrayLike) -> NDArray[Any]:
        """Looks the nearest value up; float64 if x is."""
        values, _ = _table(self)

        def look_up(piece: NDArray[Any], out: NDArray[Any], _: NDArray[Any]) -> None:
            out[...] = np.copysign(values[self._index(piece)], piece)

        a = as_floats(x, single=self._single)
        return in_chunks(a, a.dtype, look_up)

    def every_code(self) -> Codes:
        """One code per value, negative ones last."""
        few_bits(self.terms * self._field)
        _, codes = _table(self)
        both = np.concatenate([codes, _negated(codes[1:], self)])
        return Codes(both.astype(code_dtype(self.terms * self._field)))

    @property
    def _field(self) -> int:
        """Bits of one term: the sign, and one of high - low + 1 powers or none."""
        return 1 + (self.high - self.low + 1).bit_length()

    @property
    def _single(self) -> bool:
        return self.high - self.low <= 22

    def _index(self, x: NDArray[Any]) -> NDArray[Any]:
        values, _ = _table(self)
        return nearest(values, np.abs(x))


@lru_cache(maxsize=32)
def _table(fmt: PowSum) -> tuple[NDArray[Any], NDArray[Any]]:
    """The values >= 0 in ascending order, and a code of fewest terms for each."""
    powers = np.arange(fmt.low, fmt.high + 1)
    term = np.concatenate([[0.0], 2.0**powers, -(2.0**powers)])
    field = powers - fmt.low + 1
    term_code = np.concatenate([[0], field, field + (1 << (fmt._field - 1))]).astype(np.int64)
    values, codes = np.zeros(1), np.zeros(1, np.int64)
    for k in range(fmt.terms):
        sums = (term[:, None] + values).ravel()
        packed = ((term_code[:, None] << (k * fmt._field)) + codes).ravel()
        # unique keeps the first of equals: without a further term, where there is one.
        values, first = np.unique(sums, return_index=True)
        codes = packed[first]
    return values[values >= 0], codes[values >= 0]


def _negated(codes: NDArray[Any], fmt: PowSum) -> NDArray[Any]:
    for k in range(fmt.terms):
        used = codes >> (k * fmt._field) & (1 << (fmt._field - 1)) - 1
        sign = np.int64(1) << ((k + 1) * fmt._field - 1)
        codes = np.where(used > 0, codes ^ sign, codes)
    return codes
