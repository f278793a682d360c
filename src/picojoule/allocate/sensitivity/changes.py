"""Checked changes of weights, and what every method makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from picojoule.errors import InputError
from picojoule.ledger import Array

__all__ = ["Changes", "each_change", "finite", "require_some", "squared_errors"]

Changes = Sequence[Sequence[Any]]


def each_change(
    weights: Sequence[Any], changes: Changes, value: Callable[[int, Any], float]
) -> Array:
    """[unit, option] of value(unit, change), NaN where there is no change.

    Raises InputError when the units differ in number or a change in shape, naming it.
    """
    if len(changes) != len(weights) or len({len(c) for c in changes}) != 1:
        raise InputError(
            "changes aren't [unit][option]", got=f"options by unit {[len(c) for c in changes]}",
            expected=f"the same number of options for each of {len(weights)} units",
        )  # fmt: skip
    out = np.full((len(changes), len(changes[0])), np.nan)
    for unit, options in enumerate(changes):
        for option, change in enumerate(options):
            if change is None:
                continue
            where = f"unit {unit}, option {option}"
            if tuple(change.shape) != (shape := tuple(weights[unit].shape)):
                raise InputError(
                    "a change has another shape than its weights", where=where,
                    got=tuple(change.shape), expected=shape,
                )  # fmt: skip
            out[unit, option] = finite(value(unit, change), where)
    return out


def squared_errors(weights: Sequence[Any], changes: Changes) -> Array:
    """‖ΔW‖² of each option of each unit."""
    return each_change(weights, changes, lambda _, change: float((change.double() ** 2).sum()))


def finite(value: float, where: str) -> float:
    """`value`, or an InputError that names where it isn't a number."""
    if not np.isfinite(value):
        raise InputError("not a finite number", where=where, got=value)
    return float(value)


def require_some(batches: Iterable[Any]) -> list[Any]:
    """The batches as a list. Raises InputError when there are none."""
    if not (found := list(batches)):
        raise InputError("no calibration data", got="0 batches")
    return found
