"""The allocation problem: checked inputs, tied units merged into one group, resources scaled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from picojoule.allocate.base import Choice
from picojoule.errors import InputError
from picojoule.ledger import Array

__all__ = ["Problem"]

# Relative slack of a budget: sums of the same costs in another order differ by rounding.
_SLACK = 1e-9


@dataclass(frozen=True, eq=False)
class Problem:
    """Groups of tied units, each with its options.

    sensitivity[group, option]: summed over the group, infinite where not available; worst is the
    largest of its units instead. load[group, option, resource]: cost over `scale`, 0 where not
    available; limit[resource]: budget over `scale`. group_of[unit].
    """

    sensitivity: Array
    worst: Array
    load: Array
    limit: Array
    scale: Array
    group_of: Array

    @classmethod
    def of(
        cls, sensitivity: Array, cost: Array, budget: Array, ties: Sequence[tuple[int, ...]] = ()
    ) -> Problem:
        """Checks and merges. Raises InputError as `Allocator.allocate` says."""
        s, c, b = (np.asarray(a, dtype=float) for a in (sensitivity, cost, budget))
        _check_shapes(s, c, b)
        available = np.isfinite(c).all(axis=2)
        _check_values(s, c, b, available)
        group_of = _groups(len(s), ties)
        common = ~_summed(~available, group_of).astype(bool)
        _check_ties(common, group_of, ties)
        total = _summed(np.where(available[..., None], c, 0.0), group_of)
        total = np.where(common[..., None], total, 0.0)
        most = total.max(axis=1).sum(axis=0)
        b = np.minimum(b, most)  # a larger budget never binds
        scale = np.where(b > 0, b, np.where(most > 0, most, 1.0))
        _check_budget(total, common, np.asarray(budget, dtype=float), b)
        summed = np.where(common, _summed(np.where(available, s, 0.0), group_of), np.inf)
        worst = np.where(common, _largest(s, group_of), np.inf)
        return cls(summed, worst, total / scale, b / scale, scale, group_of)

    @property
    def available(self) -> Array:
        """Which options each group has: [group, option]."""
        return np.isfinite(self.sensitivity)

    @property
    def weight(self) -> Array:
        """One cost per option, the sum of its loads, infinite where not available."""
        return np.where(self.available, self.load.sum(axis=2), np.inf)

    def used(self, picks: Array) -> Array:
        """Total load of a pick per group, by resource."""
        total: Array = self.load[np.arange(len(picks)), picks].sum(axis=0)
        return total

    def loss(self, picks: Array) -> float:
        """Total sensitivity of a pick per group."""
        return float(self.sensitivity[np.arange(len(picks)), picks].sum())

    def fits(self, picks: Array) -> bool:
        """Whether the picks are within the budget, but for rounding."""
        return bool((self.used(picks) <= self.limit + _SLACK).all())

    def choice(
        self, picks: Array, bound: float | None = None, multiplier: Array | None = None
    ) -> Choice:
        """The answer for a pick per group. The bound defaults to every group's best option."""
        least = float(self.sensitivity.min(axis=1).sum())
        return Choice(
            tuple(int(p) for p in picks[self.group_of]),
            self.loss(picks),
            tuple(float(x) for x in self.used(picks) * self.scale),
            least if bound is None else max(bound, least),
            None if multiplier is None else tuple(float(x) for x in multiplier / self.scale),
        )


def _check_shapes(s: Array, c: Array, b: Array) -> None:
    if s.ndim != 2 or 0 in s.shape:
        raise InputError("sensitivity isn't [unit, option]", got=f"shape {s.shape}")
    if c.ndim != 3 or c.shape[:2] != s.shape:
        raise InputError(
            "cost doesn't match sensitivity", got=f"shape {c.shape}",
            expected=f"{(*s.shape, 'resource')}",
        )  # fmt: skip
    if b.shape != c.shape[2:] or not len(b):
        raise InputError(
            "budget doesn't match cost", got=f"shape {b.shape}", expected=f"{c.shape[2:]}"
        )


def _check_values(s: Array, c: Array, b: Array, available: Array) -> None:
    if np.isnan(b).any():
        raise InputError("a budget is not a number", where=f"resource {int(np.isnan(b).argmax())}")
    for bad, what in (
        (available & ~np.isfinite(s), "a sensitivity is not finite"),
        (available & (c < 0).any(axis=2), "a cost is negative"),
    ):
        if bad.any():
            unit, option = np.argwhere(bad)[0]
            raise InputError(what, where=f"unit {unit}, option {option}")
    if not (some := available.any(axis=1)).all():
        raise InputError(
            "a unit has no option with a finite cost", where=f"unit {int((~some).argmax())}"
        )


def _groups(units: int, ties: Sequence[tuple[int, ...]]) -> Array:
    """Group number of each unit; ties that share a unit are one group."""
    leader = list(range(units))
    for tie in ties:
        if wrong := [u for u in tie if not 0 <= u < units]:
            raise InputError("a tie is out of range", got=wrong[0], expected=f"0..{units - 1}")
        merged = {leader[u] for u in tie}
        leader = [min(merged) if x in merged else x for x in leader]
    numbers: Array = np.unique(leader, return_inverse=True)[1]
    return numbers


def _check_ties(common: Array, group_of: Array, ties: Sequence[tuple[int, ...]]) -> None:
    if (some := common.any(axis=1)).all():
        return
    group = int((~some).argmax())
    units = [int(u) for u in np.flatnonzero(group_of == group)]
    raise InputError("tied units have no option in common", where=f"units {units}")


def _check_budget(total: Array, common: Array, budget: Array, limit: Array) -> None:
    least = np.where(common[..., None], total, np.inf).min(axis=1).sum(axis=0)
    if (least > limit * (1 + _SLACK)).any():
        raise InputError(
            "the budget is infeasible", got=[float(f"{x:.6g}") for x in budget],
            expected=f"at least {[float(f'{x:.6g}') for x in least]}, each resource by itself",
            fix="raise the budget, or add a cheaper option",
        )  # fmt: skip


def _summed(values: Array, group_of: Array) -> Array:
    out = np.zeros((int(group_of.max()) + 1, *values.shape[1:]))
    np.add.at(out, group_of, values)
    return out


def _largest(values: Array, group_of: Array) -> Array:
    out = np.full((int(group_of.max()) + 1, *values.shape[1:]), -np.inf)
    np.maximum.at(out, group_of, values)
    return out
