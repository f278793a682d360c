"""Floating point: one sign bit, `exponent` bits, `mantissa` bits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from picojoule.errors import InputError
from picojoule.formats.arrays import as_floats, in_chunks
from picojoule.formats.base import Arithmetic, Codes, FormatBase, code_dtype
from picojoule.formats.float_round import (
    DOUBLE,
    SINGLE,
    Layout,
    layout_of,
    round_mantissa,
    round_to_step,
)
from picojoule.formats.integer import few_bits

__all__ = ["BF16", "FP16", "FP32", "Float", "Specials"]

Specials = Literal["ieee", "nan", "none"]

_NAMES = {(8, 23): "float32", (8, 7): "bfloat16", (5, 10): "float16", (11, 52): "float64"}


@dataclass(frozen=True, slots=True)
class Float(FormatBase):
    """Float(8, 23) is float32, Float(5, 10) is float16, Float(4, 3) is an FP8.

    A normal number is ±1.f · 2^(e - bias). bias: any real number, None for the usual
    2^(exponent-1) - 1; one that is not whole scales the grid (FP8 Quantization, arXiv
    2208.09225, eq. 3). specials: 'ieee' keeps the top exponent for infinities and NaNs; 'nan'
    only the top code, as in e4m3fn; 'none' nothing, as in e2m1fn.

    Rounds to nearest, ties to even; saturates at the largest finite value, never to infinity.
    Raises InputError when `exponent` is outside 1..15 or `mantissa` outside 0..112. Formats that
    float64 can't hold, such as Float(15, 112), can be counted but not encoded.
    """

    exponent: int
    mantissa: int
    bias: float | None = None
    specials: Specials = "ieee"

    def __post_init__(self) -> None:
        if not (1 <= self.exponent <= 15 and 0 <= self.mantissa <= 112):
            raise InputError(
                "not a floating-point format",
                got=f"Float({self.exponent}, {self.mantissa})",
                expected="1..15 exponent bits and 0..112 mantissa bits",
            )
        if self.specials not in ("ieee", "nan", "none"):
            raise InputError("unknown specials", got=self.specials, expected="ieee, nan or none")
        if self.bias is not None and not math.isfinite(self.bias):
            raise InputError("the bias is not finite", got=self.bias, expected="a real number")
        if self.bias == self._usual_bias:  # one value, one spelling
            object.__setattr__(self, "bias", None)

    @property
    def name(self) -> str:
        """'float32', 'bfloat16', or 'float8_e4m3fn' where there is no common name."""
        bits, layout = self._bits, (self.exponent, self.mantissa)
        if self.bias is None and self.specials == "ieee" and layout in _NAMES:
            return _NAMES[layout]
        # As in the OCP formats, 'fn' has a NaN in 8 bits or more and none in 6 or fewer.
        usual = self.specials == ("nan" if bits > 6 else "none")
        tail = "" if self.specials == "ieee" else "fn" if usual else f"_{self.specials}"
        bias = "" if self.bias is None else f"_bias{self.bias:.17g}"
        return f"float{bits}_e{self.exponent}m{self.mantissa}{tail}{bias}"

    @property
    def arithmetic(self) -> Arithmetic:
        """A floating-point multiplier, unless the other factor is a sign or a power of two."""
        return Arithmetic.FLOAT

    @property
    def limits(self) -> tuple[float, float]:
        """(-240, 240) for Float(4, 3), (-448, 448) for e4m3fn. The float64 range if wider."""
        with np.errstate(over="ignore"):
            largest = self._largest() * self._scale
        largest = float(min(largest, np.finfo(np.float64).max))
        return -largest, largest

    def bits_per_element(self, shape: Sequence[int] = ()) -> float:
        """Sign, exponent and mantissa."""
        return float(self._bits)

    def encode(self, x: ArrayLike) -> Codes:
        """Bit patterns as unsigned integers. The sign of a zero is kept."""
        a = as_floats(x, single=self._layout() is SINGLE)
        return Codes(in_chunks(a, code_dtype(self._bits), self._pack))

    def decode(self, codes: Codes) -> NDArray[Any]:
        """float32 where it holds the format, else float64; infinities and NaNs come back."""
        layout = self._layout()
        magnitude = codes.values.astype(np.int64) & ((1 << (self._bits - 1)) - 1)
        field = magnitude >> self.mantissa
        significand = magnitude - (np.maximum(field, 1) - 1 << self.mantissa)
        power = np.maximum(field, 1) - self._whole_bias - self.mantissa
        with np.errstate(over="ignore"):  # of codes that stand for infinity
            values = np.ldexp(significand.astype(np.float64), power) * self._scale
        values = np.where(magnitude > self._top_code, self._special(magnitude), values)
        negative = (codes.values >> (self._bits - 1)).astype(bool)
        return np.where(negative, -values, values).astype(layout.dtype)

    def quantize(self, x: ArrayLike) -> NDArray[Any]:
        """Rounds the mantissa without packing it; only the sign of a zero may differ."""
        a = as_floats(x, single=self._layout() is SINGLE)
        return in_chunks(a, a.dtype, self._quantize)

    def every_code(self) -> Codes:
        """All finite numbers: 0, 1, ..., then the negative ones."""
        few_bits(self._bits)
        half = np.arange(self._top_code + 1)
        both = np.concatenate([half, half + (1 << (self._bits - 1))])
        return Codes(both.astype(code_dtype(self._bits)))

    @property
    def _bits(self) -> int:
        return 1 + self.exponent + self.mantissa

    @property
    def _usual_bias(self) -> int:
        return (1 << (self.exponent - 1)) - 1

    @property
    def _whole_bias(self) -> int:
        return math.floor(self._usual_bias if self.bias is None else self.bias)

    @property
    def _scale(self) -> float:
        """What the fraction of the bias scales the grid by, in (1/2, 1]."""
        return 1.0 if self.bias is None else float(2.0 ** (self._whole_bias - self.bias))

    @property
    def _top_code(self) -> int:
        """The magnitude code of the largest finite number."""
        if self.specials == "ieee":
            return (((1 << self.exponent) - 1) << self.mantissa) - 1
        return (1 << (self._bits - 1)) - (2 if self.specials == "nan" else 1)

    def _special(self, magnitude: NDArray[Any]) -> NDArray[Any]:
        infinite = (self.specials == "ieee") & (magnitude == self._top_code + 1)
        return np.where(infinite, np.inf, np.nan)

    def _largest(self) -> float:
        """The largest finite number, before `_scale`. Infinite beyond float64."""
        field = max(self._top_code >> self.mantissa, 1)
        significand = self._top_code - (field - 1 << self.mantissa)
        try:
            return math.ldexp(significand, field - self._whole_bias - self.mantissa)
        except OverflowError:
            return math.inf

    def _fits(self, layout: Layout) -> bool:
        """Whether floats of `layout` hold every value, and a kernel of float_round applies."""
        same_range = (
            self.bias is None
            and self.specials == "ieee"
            and (layout.bias == self._usual_bias and self.mantissa <= layout.mantissa)
        )
        return same_range or self._room(layout)

    def _room(self, layout: Layout) -> bool:
        top = (self._top_code >> self.mantissa) - self._whole_bias
        lowest = 1 - self._whole_bias
        room = layout.mantissa - self.mantissa
        return (
            room >= 2
            and top + room <= layout.bias
            and lowest >= 1 - layout.bias
            and lowest - self.mantissa >= 1 - layout.bias - layout.mantissa
        )

    def _layout(self) -> Layout:
        """The narrowest layout that holds the format."""
        layout = next((each for each in (SINGLE, DOUBLE) if self._fits(each)), None)
        if layout is None:
            raise InputError(
                "float64 does not hold this format",
                where=self.name,
                fix="it can be counted (bits_per_element), not encoded",
            )
        return layout

    def _quantize(self, x: NDArray[Any], out: NDArray[Any], scratch: NDArray[Any]) -> None:
        if self._scale == 1:
            self._round(x, out, scratch)
        else:
            self._round(self._unscaled(x), out, scratch)
            out[...] = out.astype(np.float64) * self._scale  # rounded once, as `decode` does

    def _unscaled(self, x: NDArray[Any]) -> NDArray[Any]:
        # Clipped first, so that dividing can't overflow.
        clipped: NDArray[Any] = np.clip(x, *self.limits) * x.dtype.type(1 / self._scale)
        return clipped

    def _round(self, x: NDArray[Any], out: NDArray[Any], scratch: NDArray[Any]) -> None:
        if self._room(layout_of(x)):
            least = 1 - self._whole_bias
            round_to_step(x, out, scratch, self.mantissa, least, self._largest())
        else:
            round_mantissa(x, out, scratch, self.mantissa, self._largest())

    def _pack(self, x: NDArray[Any], out: NDArray[Any], scratch: NDArray[Any]) -> None:
        rounded = np.empty_like(x)
        self._round(self._unscaled(x), rounded, scratch)
        least = 1 - self._whole_bias
        exponent = np.frexp(rounded)[1].astype(np.int64) - 1
        exponent = np.where(rounded == 0, least, np.maximum(exponent, least))
        significand = np.ldexp(np.abs(rounded.astype(np.float64)), self.mantissa - exponent)
        magnitude = significand.astype(np.int64) + ((exponent - least) << self.mantissa)
        out[...] = magnitude.astype(out.dtype)
        out |= np.signbit(x).astype(out.dtype) << (self._bits - 1)


FP32, BF16, FP16 = Float(8, 23), Float(8, 7), Float(5, 10)
