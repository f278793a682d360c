"""Bounds of numbers on the command line: a value beyond them is a usage error."""

from __future__ import annotations

import math
from typing import Any

from cyclopts import Parameter

__all__ = ["within"]


def within(low: float, high: float = math.inf) -> Parameter:
    """An option's part that refuses NaN, infinity, and what is not from `low` to `high`."""
    to = f" to {high:g}" if math.isfinite(high) else ""

    def check(_: Any, value: float | None) -> None:
        if value is not None and not (low <= value <= high and math.isfinite(value)):
            raise ValueError(f"Must be a number from {low:g}{to or ' up'}.")

    return Parameter(validator=check)
