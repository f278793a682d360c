"""The Format protocol."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

__all__ = ["Format", "OpClass"]


class OpClass(StrEnum):
    """What the hardware does for one multiply-accumulate of two formats.

    The bridge from numerics to energy: a chip prices op classes, not bit widths.
    """

    FLOAT_MAC = "float-mac"
    INTEGER_MAC = "integer-mac"


class Format(Protocol):
    """A number format. Implementations are frozen, hashable values."""

    @property
    def name(self) -> str:
        """The name used by chip files and ledgers, such as 'bfloat16' or 'int8'."""

    def bits_per_element(self, shape: Sequence[int] = ()) -> float:
        """Stored bits per element of a tensor of `shape`, shared parts included."""

    def op_class(self, other: Format) -> OpClass:
        """What one multiply-accumulate with `other` needs."""
