"""Cells of a public table understood one by one; what can't be understood is refused in words."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from picojoule.calibrate.measured_set import Parsed
from picojoule.calibrate.table import Row, Table

__all__ = ["Refused", "choose", "joules", "number", "understand", "whole"]

T = TypeVar("T")


class Refused(ValueError):
    """Why one row can't be used. Never leaves `understand`."""


def number(row: Row, column: str, low: float, high: float, default: float | None = None) -> float:
    """A finite number from `low` to `high`. `default`: of an empty or missing cell."""
    cell = row.get(column, "").strip()
    if not cell and default is not None:
        return default
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise Refused(f"{column} is {cell!r}, expected a number from {low:g} to {high:g}")
    return value


def whole(row: Row, column: str, low: int, high: int, default: int | None = None) -> int:
    """The same for a whole number."""
    value = number(row, column, low, high, default)
    if value != int(value):
        raise Refused(f"{column} is {value:g}, expected a whole number")
    return int(value)


def choose(row: Row, column: str, known: Mapping[str, T]) -> tuple[str, T]:
    """The name in a cell and what it stands for. A name that is not known gets the nearest."""
    name = row.get(column, "").strip()
    if name in known:
        return name, known[name]
    lower = {key.lower(): key for key in known}
    if name.lower() in lower:
        return lower[name.lower()], known[lower[name.lower()]]
    close = difflib.get_close_matches(name.lower(), lower, n=2, cutoff=0.4)
    hint = " or ".join(lower[key] for key in close) if close else ", ".join(sorted(known)[:6])
    raise Refused(f"{column} {name!r} is not known; nearest: {hint}")


def joules(row: Row, column: str, scale: float = 1.0, unit: str = "joules") -> float:
    """Measured joules, `scale` times the cell; NaN where the row has none. 0 is no measurement.

    unit: what is measured, where it is not joules.
    """
    cell = row.get(column, "").strip()
    if not cell:
        return math.nan
    try:
        value = float(cell) * scale
    except ValueError:
        value = math.nan
    if not 0.0 < value < math.inf:
        raise Refused(f"{column} is {cell!r}, expected {unit} above 0")
    return value


def understand(table: Table, one: Callable[[Row], tuple[Any, float]]) -> Parsed:
    """Apply `one`, which gives a configuration and its joules or raises Refused, to every row.

    A row equal to an earlier one in configuration and joules is a copy: it is not counted twice,
    and its reason says so. Two runs of one configuration are two measurements.
    """
    configs: list[Any] = []
    reasons: list[str | None] = []
    energy_j: list[float] = []
    seen: dict[tuple[Any, float], int] = {}
    for i, row in enumerate(table.rows):
        try:
            config, value = one(row)
            first = seen.setdefault((config, value), i) if math.isfinite(value) else i
            reason = None if first == i else f"a copy of row {first + 1}"
            configs.append(config)
            energy_j.append(value if first == i else math.nan)
            reasons.append(reason)
        except Refused as error:
            configs.append(None)
            energy_j.append(math.nan)
            reasons.append(str(error))
    return Parsed(tuple(configs), tuple(reasons), np.array(energy_j, float))
