"""What data is, by looking at it: binary spikes, integer spike counts, or real numbers.

What an op costs on event-driven hardware depends on its data and not on what its layer is called:
a layer whose inputs are real multiplies, whether or not spikes come out of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from picojoule.errors import InputError
from picojoule.formats import FP32, Format, Int, Ternary

__all__ = ["SPIKE_LEVELS", "DataClass", "Seen", "class_of", "look"]

SPIKE_LEVELS = 15  # beyond it nobody unrolls an integer into spikes: a pixel of 255 is multiplied
_MOST_LEVELS = 255  # an 8-bit count; finer grids are real numbers that were rounded
_TOLERANCE = 1e-4  # of one level: float32 holds 255 levels far better than this
_SAMPLE = 4096


class DataClass(StrEnum):
    """What a multiplier would have to do with the data."""

    BINARY = "binary"  # one magnitude, any sign: the weight is added or not
    INTEGER = "integer"  # whole multiples of one magnitude: added several times, or multiplied
    REAL = "real"  # multiplied


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of one tensor.

    density: fraction of elements that are not 0. mean: mean of |x| / unit, which is the number of
    unit spikes per element, and NaN for real data. unit: the magnitude that folds into the
    weights; levels: the largest multiple of it.
    """

    kind: DataClass
    density: float
    mean: float
    unit: float
    levels: int
    signed: bool

    @property
    def multiplies(self) -> bool:
        """Whether the layer needs a multiplier: real data, or integers beyond SPIKE_LEVELS."""
        return self.kind is DataClass.REAL or self.levels > SPIKE_LEVELS

    @property
    def format(self) -> Format:
        """The format that holds this data: uint1, ternary, intN or float32."""
        match self.kind:
            case DataClass.BINARY:
                return Ternary() if self.signed else Int(1, signed=False)
            case DataClass.INTEGER:
                return Int(self.levels.bit_length() + self.signed, signed=self.signed)
            case DataClass.REAL:
                return FP32


def look(x: ArrayLike) -> Seen:
    """What the data is. A tensor of zeros is binary.

    Raises InputError for an empty tensor, for one that holds no numbers, and for NaN or infinity.
    """
    a = _numbers(x)
    size = np.abs(a).ravel()
    density = float(np.count_nonzero(size) / size.size)
    signed = bool((a < 0).any())
    unit = _unit(size)
    if unit is None:
        return Seen(DataClass.REAL, density, float("nan"), 1.0, 0, signed)
    levels = round(float(size.max()) / unit)
    kind = DataClass.BINARY if levels <= 1 else DataClass.INTEGER
    mean = float(np.rint(size / unit).mean())
    return Seen(kind, density, mean, unit, levels, signed)


def class_of(fmt: Format) -> DataClass:
    """The class of data stored in `fmt`, where the data itself is not at hand."""
    if isinstance(fmt, Ternary) or fmt == Int(1, signed=False):
        return DataClass.BINARY
    return DataClass.INTEGER if isinstance(fmt, Int) else DataClass.REAL


def _numbers(x: ArrayLike) -> NDArray[Any]:
    try:
        a = np.asarray(x, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("activations are not numbers", got=type(x).__name__) from error
    if not a.size:
        raise InputError("no activations to look at", got=f"shape {a.shape}")
    if not np.isfinite(a).all():
        raise InputError("activations have NaN or infinity")
    return a


def _unit(size: NDArray[Any]) -> float | None:
    """The largest magnitude of which all are whole multiples, at most _MOST_LEVELS of it."""
    top = float(size.max())
    if top == 0:
        return 1.0
    for part in (size[:_SAMPLE], size):  # real data gives itself away early
        values = np.unique(part[part > 0])
        unit = _common(values, top) if len(values) <= _MOST_LEVELS else None
        if unit is None and len(values):
            return None
    return unit


def _common(values: NDArray[Any], top: float) -> float | None:
    """Euclid's algorithm on floats: it ends at a common unit, or below the finest grid."""
    least = top / (_MOST_LEVELS + 0.5)
    unit = top
    for value in values:
        a, b = unit, float(value)
        while b > _TOLERANCE * top:
            a, b = b, a % b
            if a - b < _TOLERANCE * top:  # a remainder of almost one whole unit
                b = 0.0
        unit = a
        if unit < least:
            return None
    levels = np.rint(values / unit)
    even = top / round(top / unit)  # the largest value knows the unit best
    return even if bool((np.abs(values - levels * even) < _TOLERANCE * top).all()) else None
