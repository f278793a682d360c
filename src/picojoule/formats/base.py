"""What every number format can do, and what hardware does when two formats meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from picojoule.formats.arrays import as_floats

__all__ = ["Arithmetic", "Codes", "FixedGrid", "Format", "FormatBase", "OpClass", "operations"]


class OpClass(StrEnum):
    """What the hardware does for one multiply-accumulate of two formats.

    The bridge from numerics to energy: a chip prices op classes, not bit widths.
    """

    FLOAT_MAC = "float-mac"  # floating-point multiply and add
    INTEGER_MAC = "integer-mac"  # integer multiply and add
    SHIFT_ADD = "shift-add"  # shift an integer, then add
    ADD = "add"  # add or subtract the other operand, in its own arithmetic; zeros can be skipped
    XNOR_POPCOUNT = "xnor-popcount"  # one bit of a word-wide XNOR and its population count
    INTEGER_ADD = "integer-add"  # an integer add for the float product, then a float add


class Arithmetic(StrEnum):
    """What a factor in this format asks of a multiplier."""

    FLOAT = "float"
    INTEGER = "integer"
    SHIFT = "shift"  # a power of two
    SIGN = "sign"  # only -1, 0 or 1
    LMUL = "lmul"  # a float whose product is approximated by adding bit patterns


_F, _I, _P, _S, _L = Arithmetic
_PRODUCT = {
    (_F, _F): OpClass.FLOAT_MAC,
    (_F, _I): OpClass.FLOAT_MAC,
    (_F, _P): OpClass.INTEGER_ADD,  # the shift goes into the exponent field
    (_F, _S): OpClass.ADD,
    (_F, _L): OpClass.FLOAT_MAC,
    (_I, _I): OpClass.INTEGER_MAC,
    (_I, _P): OpClass.SHIFT_ADD,
    (_I, _S): OpClass.ADD,
    (_I, _L): OpClass.FLOAT_MAC,
    (_P, _P): OpClass.SHIFT_ADD,
    (_P, _S): OpClass.SHIFT_ADD,
    (_P, _L): OpClass.INTEGER_ADD,
    (_S, _S): OpClass.XNOR_POPCOUNT,
    (_S, _L): OpClass.ADD,
    (_L, _L): OpClass.INTEGER_ADD,
}


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """A tensor as it is stored.

    values: one integer per element, in the tensor's shape. shared: what several elements share
    (block exponents, scales, a codebook); empty for formats that are a fixed grid of values.
    """

    values: NDArray[Any]
    shared: tuple[NDArray[Any], ...] = ()


class Format(Protocol):
    """A number format. Implementations are frozen, hashable values.

    A format has no scale: a quantiser divides by its scale before `quantize` and multiplies
    after it.
    """

    @property
    def name(self) -> str:
        """The name used by chip files and ledgers, such as 'bfloat16' or 'int8'."""

    @property
    def arithmetic(self) -> Arithmetic:
        """What a factor in this format asks of a multiplier."""

    @property
    def terms(self) -> int:
        """How many such factors one number is the sum of."""

    def bits_per_element(self, shape: Sequence[int] = ()) -> float:
        """Stored bits per element of a tensor of `shape`, shared parts included."""

    def op_class(self, other: Format) -> OpClass:
        """What one multiply-accumulate with `other` needs, `operations(self, other)` times."""

    def encode(self, x: ArrayLike) -> Codes:
        """The codes of `x`, any shape. Raises InputError where x is not finite."""

    def decode(self, codes: Codes) -> NDArray[Any]:
        """The values of `codes`: float32 where that holds them all, else float64."""

    def quantize(self, x: ArrayLike) -> NDArray[Any]:
        """decode(encode(x)) in the precision of `x` or of the format, whichever is more."""


@runtime_checkable
class FixedGrid(Format, Protocol):
    """A format whose values don't depend on the data; these need a scale."""

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the largest value; what lies beyond saturates."""

    def every_code(self) -> Codes:
        """All codes, for formats of at most 16 bits. Raises InputError for wider ones."""


class FormatBase:
    """What formats have in common."""

    __slots__ = ()

    @property
    def arithmetic(self) -> Arithmetic:
        """Integers, unless a format says otherwise."""
        return Arithmetic.INTEGER

    @property
    def terms(self) -> int:
        """One, unless a format is a sum."""
        return 1

    def op_class(self, other: Format) -> OpClass:
        """What one multiply-accumulate with `other` needs, `operations(self, other)` times."""
        pair = self.arithmetic, other.arithmetic
        return _PRODUCT.get(pair) or _PRODUCT[pair[::-1]]

    def quantize(self: Format, x: ArrayLike) -> NDArray[Any]:
        """decode(encode(x)) in the precision of `x` or of the format, whichever is more."""
        values = self.decode(self.encode(x))
        return values.astype(np.result_type(values, as_floats(x)), copy=False)


def operations(a: Format, b: Format) -> int:
    """How many operations of class `a.op_class(b)` one multiply-accumulate of a and b takes."""
    return a.terms * b.terms


def code_dtype(bits: int, *, signed: bool = False) -> np.dtype[Any]:
    """The narrowest integer type of at least `bits` bits."""
    width = next(w for w in (8, 16, 32, 64) if w >= bits)
    return np.dtype(f"{'' if signed else 'u'}int{width}")
