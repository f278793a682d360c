"""Two ledgers of the same work: what changed, where, and whether the evidence can tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from picojoule.errors import LedgerError
from picojoule.ledger import Array, Ledger, Total

__all__ = ["Change", "Comparison", "compare"]

Verdict = Literal["within", "exceeded", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Change:
    """Energy of one module before and after, in joules; None where it doesn't exist."""

    module: str
    old_j: float | None
    new_j: float | None

    @property
    def delta_j(self) -> float:
        """New minus old, in joules, with an absent side as nothing."""
        return (self.new_j or 0.0) - (self.old_j or 0.0)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The relative change of energy, with bounds, and the changes by module, largest first."""

    old: Total
    new: Total
    relative: float
    relative_low: float
    relative_high: float
    shared_constants: bool
    changes: tuple[Change, ...]

    def verdict(self, max_increase: float) -> Verdict:
        """Whether energy grew beyond `max_increase` (0.02 is 2%)."""
        # Identical ledgers must pass at a bound of 0 in spite of rounding.
        slack = 1e-12
        if min(self.old.coverage, self.new.coverage) < 1:
            return "inconclusive"
        if self.relative_high <= max_increase + slack:
            return "within"
        return "exceeded" if self.relative_low > max_increase + slack else "inconclusive"


def compare(old: Ledger, new: Ledger) -> Comparison:
    """Compare two ledgers.

    When both are priced by the same constants (same chip hash and runtime in `meta`), an unknown
    constant is the *same* unknown on both sides, and the bounds are those over all values that it
    can take. Otherwise the two intervals are independent. Raises LedgerError when a side has no
    energy.
    """
    before, after = old.total(), new.total()
    if not (before.energy.value > 0 and after.energy.value >= 0):
        raise LedgerError("nothing to compare: a ledger has no known energy")
    shared = _same_constants(old, new)
    low, high = _shared_bounds(old, new) if shared else _independent_bounds(before, after)
    relative = after.energy.value / before.energy.value - 1
    changes = _changes(old, new)
    return Comparison(before, after, relative, low, high, shared, changes)


def _same_constants(old: Ledger, new: Ledger) -> bool:
    priced = old.meta.get("chip_hash") is not None
    return priced and all(old.meta.get(k) == new.meta.get(k) for k in ("chip_hash", "runtime"))


def _independent_bounds(old: Total, new: Total) -> tuple[float, float]:
    if old.energy.low <= 0:
        return -1.0, float("inf")
    return (
        new.energy.low / old.energy.high - 1,
        new.energy.high / old.energy.low - 1,
    )


def _shared_bounds(old: Ledger, new: Ledger) -> tuple[float, float]:
    """Extremes of (sum u·new)/(sum u·old) - 1 over each constant u between its low and high.

    One constant prices one (component, level, operand) group. A ratio of two linear forms over a
    box is extreme at a corner where groups are sorted by new/old: the heaviest growers at one end
    of their interval and the rest at the other.
    """
    keys = ("component", "level", "operand")
    olds, news = old.group_by(*keys), new.group_by(*keys)
    names = list(dict.fromkeys([*olds, *news]))
    pairs = [(olds.get(n), news.get(n)) for n in names]
    o = np.array([_ends(a) for a, _ in pairs])
    n = np.array([_ends(b) for _, b in pairs])
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = np.where(o[:, 1] > 0, n[:, 1] / o[:, 1], np.inf)
    order = np.argsort(-growth)
    ratios = [
        _ratio(o[order], n[order], cut, heavy) for cut in range(len(order) + 1) for heavy in (2, 0)
    ]
    return min(ratios) - 1, max(ratios) - 1


def _ends(total: Total | None) -> tuple[float, float, float]:
    if total is None:
        return (0.0, 0.0, 0.0)
    return (total.energy.low, total.energy.value, total.energy.high)


def _ratio(old: Array, new: Array, cut: int, heavy: int) -> float:
    """new/old with the first `cut` groups at end `heavy` (0 low, 2 high), the rest at the other."""
    light = 2 - heavy
    top = new[:cut, heavy].sum() + new[cut:, light].sum()
    bottom = old[:cut, heavy].sum() + old[cut:, light].sum()
    return float(top / bottom) if bottom > 0 else float("inf")


def _changes(old: Ledger, new: Ledger) -> tuple[Change, ...]:
    olds = {k[0]: t.energy.value for k, t in old.group_by("module").items()}
    news = {k[0]: t.energy.value for k, t in new.group_by("module").items()}
    names = dict.fromkeys([*olds, *news])
    changes = [Change(m, olds.get(m), news.get(m)) for m in names]
    return tuple(sorted(changes, key=lambda c: -abs(c.delta_j)))
