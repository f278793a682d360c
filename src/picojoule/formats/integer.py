"""Two's complement or unsigned integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from picojoule.errors import InputError
from picojoule.formats.base import Format, OpClass

__all__ = ["INT8", "INT32", "INT64", "Int"]


@dataclass(frozen=True, slots=True)
class Int:
    """Int(8) is int8; Int(4, signed=False) is uint4. Raises InputError outside 1..64 bits."""

    bits: int
    signed: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 64:
            raise InputError("not an integer format", got=f"{self.bits} bits", expected="1..64")

    @property
    def name(self) -> str:
        """'int8', 'uint4'."""
        return f"{'' if self.signed else 'u'}int{self.bits}"

    def bits_per_element(self, shape: Sequence[int] = ()) -> float:
        """The bits; scales and zero points belong to the quantiser."""
        return float(self.bits)

    def op_class(self, other: Format) -> OpClass:
        """An integer unit, if both are integers."""
        return OpClass.INTEGER_MAC if isinstance(other, Int) else OpClass.FLOAT_MAC


INT8, INT32, INT64 = Int(8), Int(32), Int(64)
