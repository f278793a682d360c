"""L-Mul: the floats of another format, multiplied by adding their bit patterns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from picojoule.errors import InputError
from picojoule.formats.base import Arithmetic, Codes, FormatBase
from picojoule.formats.float import BF16, Float

__all__ = ["LMul"]


@dataclass(frozen=True, slots=True)
class LMul(FormatBase):
    """The grid of `float`; only the product differs (arXiv 2410.00907).

    Raises InputError if the bias is not whole or there are no mantissa bits.
    """

    float: Float = BF16

    def __post_init__(self) -> None:
        whole = self.float.bias is None or self.float.bias % 1 == 0
        if not (whole and 1 <= self.float.mantissa <= 52 and self.float.exponent <= 11):
            raise InputError(
                "bit patterns of this format can't be added for a product",
                got=self.float.name,
                expected="1..52 mantissa bits, up to 11 exponent bits and a whole bias",
            )

    @property
    def name(self) -> str:
        """'lmul_bfloat16'."""
        return f"lmul_{self.float.name}"

    @property
    def arithmetic(self) -> Arithmetic:
        """An integer adder, if the other factor has it too."""
        return Arithmetic.LMUL

    @property
    def limits(self) -> tuple[Any, Any]:
        """Those of the float."""
        return self.float.limits

    def bits_per_element(self, shape: Sequence[int] = ()) -> Any:
        """Those of the float."""
        return self.float.bits_per_element(shape)

    def encode(self, x: ArrayLike) -> Codes:
        """That of the float."""
        return self.float.encode(x)

    def decode(self, codes: Codes) -> NDArray[Any]:
        """That of the float."""
        return self.float.decode(codes)

    def quantize(self, x: ArrayLike) -> NDArray[Any]:
        """That of the float."""
        return self.float.quantize(x)

    def every_code(self) -> Codes:
        """Those of the float."""
        return self.float.every_code()

    def multiply(self, x: ArrayLike, y: ArrayLike) -> NDArray[Any]:
        """The products, element by element, of what x and y are in this format.

        Magnitudes are added as integers, less the bias, plus 2^(m - l) with l = m for up to 3
        mantissa bits m, 3 for 4, and 4 for more; signs are XORed. A carry out of the mantissas
        moves into the exponent, as in an adder; the formula printed in the paper,
        1 + x + y + 2^-l, has no such carry and errs three times as much. Subnormal and zero
        factors or products give 0, large ones saturate. Broadcasts like numpy.
        """
        one = self.float.encode(1.0).values.astype(np.int64)
        magnitudes, signs = zip(*(self._parts(v) for v in (x, y)), strict=True)
        total = magnitudes[0] + magnitudes[1] - one + self._offset
        normal = 1 << self.float.mantissa
        tiny = (magnitudes[0] < normal) | (magnitudes[1] < normal) | (total < normal)
        total = np.where(tiny, 0, np.minimum(total, self._largest_code()))
        product = self.decode(Codes(total.astype(np.uint64)))
        return np.where(signs[0] ^ signs[1], -product, product)

    @property
    def _offset(self) -> int:
        m = self.float.mantissa
        length = m if m <= 3 else 3 if m == 4 else 4
        return 1 << (m - length)

    def _largest_code(self) -> int:
        return int(self.float.encode(self.float.limits[1]).values)

    def _parts(self, x: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
        codes = self.float.encode(x).values.astype(np.int64)
        sign_bit = self.float.exponent + self.float.mantissa
        mask = (1 << sign_bit) - 1
        return codes & mask, (codes >> sign_bit & 1).astype(bool)
