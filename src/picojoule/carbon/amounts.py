"""Arithmetic of quantities that can't be negative, and amounts as people write them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from picojoule.errors import InputError
from picojoule.quantity import Evidence, Quantity, weakest

__all__ = [
    "JOULES_PER_KWH",
    "exact",
    "known",
    "parse_energy",
    "parse_time",
    "plus",
    "times",
    "unavailable",
]

JOULES_PER_KWH = 3.6e6

_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "y": 365 * 86400.0}
_JOULES = {"J": 1.0, "kJ": 1e3, "MJ": 1e6, "GJ": 1e9, "Wh": 3.6e3, "kWh": 3.6e6,
           "MWh": 3.6e9, "GWh": 3.6e12}  # fmt: skip
_AMOUNT = re.compile(r"\s*([+-]?[\d.]+(?:[eE][+-]?\d+)?)\s*([A-Za-z]+)\s*")


def exact(value: float, unit: str = "", evidence: Evidence = Evidence.MODELLED) -> Quantity:
    """A value without an interval: what a user states, or a definition."""
    return Quantity(value, value, value, unit, evidence)


def unavailable(unit: str) -> Quantity:
    """What is not known."""
    nan = math.nan
    return Quantity(nan, nan, nan, unit, Evidence.UNAVAILABLE)


def known(quantity: Quantity) -> bool:
    """Whether there is a number."""
    return quantity.evidence is not Evidence.UNAVAILABLE


def times(unit: str, scale: float, *factors: Quantity) -> Quantity:
    """`scale` times the product of `factors`, low ends with low ends; none may be negative.

    Unavailable when a factor is.
    """
    if not all(known(f) for f in factors):
        return unavailable(unit)
    value, low, high = (
        scale * math.prod(getattr(f, end) for f in factors) for end in ("value", "low", "high")
    )
    return Quantity(value, low, high, unit, weakest(*(f.evidence for f in factors)))


def plus(unit: str, parts: Iterable[Quantity]) -> Quantity:
    """The sum, low ends with low ends, as ledgers add: parts share their sources.

    Unavailable when a part is, or when there is none.
    """
    parts = list(parts)
    if not parts or not all(known(p) for p in parts):
        return unavailable(unit)
    value, low, high = (sum(getattr(p, end) for p in parts) for end in ("value", "low", "high"))
    return Quantity(value, low, high, unit, weakest(*(p.evidence for p in parts)))


def parse_energy(text: str) -> float:
    """'12kWh' -> joules. Raises InputError for a negative amount or another unit."""
    return _parse(text, _JOULES, "an energy", "12kWh or 3.6e6 J")


def parse_time(text: str) -> float:
    """'4y' -> seconds; a year has 365 days. Raises InputError as above."""
    return _parse(text, _SECONDS, "a time", "4y, 90min or 30s")


def _parse(text: str, units: dict[str, float], what: str, example: str) -> float:
    match = _AMOUNT.fullmatch(text)
    expected = f"{example} (units: {', '.join(units)})"
    if match is None or match[2] not in units:
        raise InputError(f"not {what}", got=repr(text), expected=expected)
    try:
        amount = float(match[1]) * units[match[2]]
    except ValueError:
        raise InputError(f"not {what}", got=repr(text), expected=expected) from None
    if not 0 <= amount < math.inf:
        wrong = "can't be negative" if amount < 0 else "must be finite"
        raise InputError(f"{what} {wrong}", got=repr(text), expected=expected)
    return amount
