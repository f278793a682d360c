"""Constant: the one form in which a chip file states a number."""

from __future__ import annotations

import msgspec

from picojoule.quantity import Evidence

__all__ = ["Constant"]


class Constant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number with its interval, its citation or derivation, and how it is known."""

    value: float
    low: float
    high: float
    source: str
    evidence: Evidence
