"""IEEE-like floating point: one sign bit, `exponent` bits, `mantissa` bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from picojoule.errors import InputError
from picojoule.formats.base import Format, OpClass

__all__ = ["BF16", "FP16", "FP32", "Float"]

_NAMES = {(8, 23): "float32", (8, 7): "bfloat16", (5, 10): "float16", (11, 52): "float64"}


@dataclass(frozen=True, slots=True)
class Float:
    """Float(8, 23) is float32, Float(5, 10) is float16, Float(4, 3) is an FP8.

    Raises InputError when `exponent` is outside 1..15 or `mantissa` outside 0..112.
    """

    exponent: int
    mantissa: int

    def __post_init__(self) -> None:
        if not (1 <= self.exponent <= 15 and 0 <= self.mantissa <= 112):
            raise InputError(
                "not a floating-point format",
                got=f"Float({self.exponent}, {self.mantissa})",
                expected="1..15 exponent bits and 0..112 mantissa bits",
            )

    @property
    def name(self) -> str:
        """'float32', 'bfloat16', or 'float8_e4m3' where there is no common name."""
        fallback = f"float{1 + self.exponent + self.mantissa}_e{self.exponent}m{self.mantissa}"
        return _NAMES.get((self.exponent, self.mantissa), fallback)

    def bits_per_element(self, shape: Sequence[int] = ()) -> float:
        """Sign, exponent and mantissa."""
        return float(1 + self.exponent + self.mantissa)

    def op_class(self, other: Format) -> OpClass:
        """A floating-point unit, whatever the other format."""
        return OpClass.FLOAT_MAC


FP32, BF16, FP16 = Float(8, 23), Float(8, 7), Float(5, 10)
