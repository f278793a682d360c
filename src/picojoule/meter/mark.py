"""Moments on a domain's time line, and the energy between two of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from picojoule.meter.base import Domain, Quantum, Scope

__all__ = ["OPEN", "Closed", "Energy", "Mark", "Totals", "between", "gap", "overdue"]

OPEN = "counter has not moved"  # since the last interval closed: at first there's nothing wrong
_PATIENCE = 10  # update periods


@dataclass(frozen=True, slots=True)
class Energy:
    """What a domain used between two marks.

    energy_j: joules of the `covered_s` seconds that are known; NaN where nothing is. low_j, high_j:
    bounds by resolution, by what a counter had not shown yet at either end, by the power between
    samples, and by `max_w` in a gap that good samples enclose. A gap at an end, after which or
    before which there is nothing, counts only in gap_s. reasons: what went wrong. n_samples: good.
    """

    energy_j: float
    low_j: float
    high_j: float
    covered_s: float
    gap_s: float
    reasons: tuple[str, ...]
    n_samples: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over intervals. less_j, more_j: how far the truth may lie from energy_j."""

    energy_j: float = 0.0
    less_j: float = 0.0
    more_j: float = 0.0
    covered_s: float = 0.0
    gap_s: float = 0.0

    def plus(self, other: Totals, sign: int = 1) -> Totals:
        """The sum, or with sign -1 the difference."""
        return Totals(*(getattr(self, n) + sign * getattr(other, n) for n in _SUMS))


_SUMS = tuple(f.name for f in fields(Totals))


def gap(domain: Domain, seconds: float, enclosed: bool = True) -> Totals:
    """A gap. With good samples at both ends, at most `max_w` flowed in it."""
    return Totals(more_j=domain.max_w * seconds if enclosed else 0.0, gap_s=seconds)


def overdue(domain: Domain, so_far: Totals, open_s: float, limit_s: float) -> bool:
    """Whether a counter that stood for `open_s` should have moved, at its mean power so far.

    A process may use nothing; hardware that is on can't.
    """
    if domain.scope is Scope.PROCESS:
        return False
    mean_w = so_far.energy_j / so_far.covered_s if so_far.energy_j > 0 else math.inf
    return open_s > limit_s and mean_w * open_s > 2 * domain.resolution_j


@dataclass(frozen=True, slots=True)
class Closed:
    """What became of an interval that some mark had seen otherwise.

    It was open then; or it was known (`revoked`), and a freeze showed that it can't be trusted.
    number: counts the intervals of a domain, since clocks may show one time twice.
    """

    number: int
    end_s: float
    totals: Totals
    revoked: Totals | None = None

    def taken_back(self, domain: Domain) -> Closed:
        """The same interval as a gap."""
        lost = gap(domain, self.totals.covered_s)
        return Closed(self.number, self.end_s, lost, revoked=self.totals)

    def undo(self, sums: Totals) -> Totals:
        """Sums that hold this interval as known, with it as a gap."""
        return sums if self.revoked is None else sums.plus(self.revoked, -1).plus(self.totals)

    def redo(self, sums: Totals) -> Totals:
        """The other way round."""
        return sums if self.revoked is None else sums.plus(self.totals, -1).plus(self.revoked)


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment of an accumulator, frozen. Two of them bound a window: see `between`.

    time_s: of the latest sample. totals: up to base_s, where the last closed interval ended.
    number: of the interval that is open since. open_reason: of that. anchored: a good sample stands
    at base_s. last: the interval that ended there. closed: intervals that turned out otherwise than
    an earlier mark may say, n_closed of them ever.
    """

    time_s: float
    domain: Domain
    update_s: float
    totals: Totals
    base_s: float
    number: int
    anchored: bool
    open_reason: str
    last: Closed | None
    closed: tuple[Closed, ...]
    n_closed: int
    reasons: tuple[tuple[str, int], ...]
    n_samples: int

    @property
    def open_s(self) -> float:
        """Seconds since the last closed interval."""
        return 0.0 if math.isnan(self.time_s) else self.time_s - self.base_s

    @property
    def late(self) -> bool:
        """Whether a counter should have moved by now: it may have frozen."""
        limit_s = _PATIENCE * self.update_s
        return self.open_reason == OPEN and overdue(self.domain, self.totals, self.open_s, limit_s)

    @property
    def blind(self) -> bool:
        """Whether nothing is known of the open time."""
        return self.late or self.open_reason not in ("", OPEN)

    @property
    def lag_s(self) -> float:
        """For how long a counter may have counted joules that it doesn't show yet."""
        if self.domain.quantum is Quantum.POWER_W:
            return 0.0
        return self.update_s if self.blind else max(self.update_s, self.open_s)


def between(a: Mark, b: Mark) -> Energy:
    """The energy from mark `a` to the later mark `b` of the same accumulator."""
    later = b.closed[max(0, len(b.closed) - (b.n_closed - a.n_closed)) :]
    totals = b.totals
    if b.late and b.last is not None and b.last.totals.covered_s > 0:
        later = (*later, b.last.taken_back(b.domain))
        totals = later[-1].undo(totals)
    sums = totals.plus(a.totals, -1).plus(_head(a, b, later), -1).plus(_tail(b))
    for one in later:
        if one.number < a.number:  # it lies before the window, which must not pay for it
            sums = one.redo(sums)
    low_j, high_j = _bounds(a, b, sums)
    known = sums.covered_s > 0 or b.time_s == a.time_s
    return Energy(
        energy_j=max(0.0, sums.energy_j) if known else math.nan,
        low_j=low_j if known else math.nan,
        high_j=high_j if known else math.nan,
        covered_s=max(0.0, sums.covered_s),
        gap_s=max(0.0, sums.gap_s),
        reasons=_reasons(a, b, sums),
        n_samples=b.n_samples - a.n_samples,
    )


def _head(a: Mark, b: Mark, later: tuple[Closed, ...]) -> Totals:
    """What sums from `b` hold of the time before `a`: the start of the interval open at `a`."""
    if a.open_s <= 0:
        return Totals()
    if b.number == a.number:  # still open, and `_tail` says of what kind
        return gap(a.domain, a.open_s, enclosed=False) if b.blind else Totals(covered_s=a.open_s)
    found = next((c for c in reversed(later) if c.number == a.number), None)
    if found is not None and found.totals.gap_s > 0:
        return gap(a.domain, a.open_s, enclosed=found.totals.more_j > 0)
    if not a.blind:  # the counter stood there: all its joules came after
        return Totals(covered_s=a.open_s)
    if found is None:
        return gap(a.domain, a.open_s, enclosed=a.anchored)
    # The joules are known and where they fell is not: a gap until `end_s`, with all or none.
    joules, seconds = found.totals.energy_j, found.end_s - a.time_s
    return Totals(joules, more_j=-joules, covered_s=found.totals.covered_s, gap_s=-seconds)


def _tail(b: Mark) -> Totals:
    """The open interval at `b`: a counter that has not moved, or nothing known."""
    return gap(b.domain, b.open_s, enclosed=False) if b.blind else Totals(covered_s=b.open_s)


def _bounds(a: Mark, b: Mark, sums: Totals) -> tuple[float, float]:
    """Lowest and highest joules."""
    energy_j = max(0.0, sums.energy_j)
    if a.time_s == b.time_s:
        return energy_j, energy_j
    known = (s.energy_j / s.covered_s for s in (sums, b.totals) if min(s.energy_j, s.covered_s) > 0)
    power_w = next(known, b.domain.max_w)
    step_j = b.domain.resolution_j if b.domain.quantum is Quantum.COUNTER_J else 0.0
    less_j = max(0.0, sums.less_j) + power_w * a.lag_s + step_j
    more_j = max(0.0, sums.more_j) + power_w * b.lag_s + step_j
    return max(0.0, energy_j - less_j), energy_j + more_j


def _reasons(a: Mark, b: Mark, sums: Totals) -> tuple[str, ...]:
    before = dict(a.reasons)
    found = [a.open_reason] if a.blind and sums.gap_s > 0 else []
    found += [reason for reason, count in b.reasons if count > before.get(reason, 0)]
    found += [b.open_reason] if b.blind else []
    return tuple(dict.fromkeys(found))
