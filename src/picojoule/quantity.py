"""Evidence, intervals, and units at the boundary.

Inside picojoule every number is a plain SI float whose unit is in its name (`energy_j`).
This module is where numbers meet people: printing, parsing, and saying how a number is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

from picojoule.errors import InputError

__all__ = ["Evidence", "Quantity", "format_si", "parse_fraction", "weakest"]


class Evidence(IntEnum):
    """How a number is known, strongest first. A sum takes the weakest evidence of its parts."""

    MEASURED = 0
    CALIBRATED = 1
    MODELLED = 2
    ASSUMED = 3
    UNAVAILABLE = 4

    @property
    def word(self) -> str:
        """The word used in JSON and TOML."""
        return self.name.lower()

    @property
    def glyph(self) -> str:
        """One character for tables."""
        return "●◐○?–"[self.value]

    @classmethod
    def of(cls, word: str) -> Evidence:
        """The evidence called `word`. Raises InputError for an unknown word."""
        try:
            return cls[word.upper()]
        except KeyError:
            words = ", ".join(e.word for e in cls)
            raise InputError("unknown evidence class", got=repr(word), expected=words) from None


def weakest(*evidence: Evidence) -> Evidence:
    """The weakest of several evidence classes; MEASURED when there are none."""
    return max(evidence, default=Evidence.MEASURED)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit, interval and evidence. `value` is NaN when unavailable."""

    value: float
    low: float
    high: float
    unit: str
    evidence: Evidence

    def __str__(self) -> str:
        if self.evidence is Evidence.UNAVAILABLE:
            return "unavailable"
        text = format_si(self.value, self.unit)
        if self.low != self.high:
            low, high = format_si(self.low, self.unit), format_si(self.high, self.unit)
            text += f" [{low} .. {high}]"
        return f"{text} {self.evidence.word}"

    def to_dict(self) -> dict[str, float | str | None]:
        """JSON form; numbers that are not finite become null."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        finite = {k: v if math.isfinite(v) else None for k, v in numbers.items()}
        return {**finite, "unit": self.unit, "evidence": self.evidence.word}


_PREFIXES = [
    (1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""),
    (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"), (1e-15, "f"),
]  # fmt: skip


def format_si(value: float, unit: str, digits: int = 3) -> str:
    """`value` with an SI prefix and `digits` significant digits: 0.00409 J -> '4.09 mJ'."""
    if not math.isfinite(value):
        return "unavailable"
    if value == 0:
        return f"0 {unit}"
    size = abs(value)
    # Half a unit in the last digit must not round 999.9 up to '1.00e+03'.
    rounded = float(f"{size:.{digits - 1}e}")
    scale, prefix = next((p for p in _PREFIXES if rounded >= p[0]), _PREFIXES[-1])
    scaled = rounded / scale
    decimals = max(0, digits - 1 - math.floor(math.log10(scaled))) if scaled >= 1e-3 else digits
    sign = "-" if value < 0 else ""
    return f"{sign}{scaled:.{decimals}f} {prefix}{unit}"


def parse_fraction(text: str) -> float:
    """'2%' or '0.02' -> 0.02. Raises InputError for anything else, and below -1."""
    body, percent = (text[:-1], True) if text.endswith("%") else (text, False)
    try:
        number = float(body) / (100 if percent else 1)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number < -1:
        raise InputError("not a fraction", got=repr(text), expected="a number like 2% or 0.02")
    return number
