"""Samples to joules: the one place where wraps, resets, gaps and clocks are understood.

Time is divided into intervals between good samples. An interval is either known, with its joules,
or a gap, with a reason; nothing is guessed. An interval of a counter is known when its joules are
plausible: not more than the hardware's power times the time. So a failed read costs nothing where
the next good one is consistent with it, and a wrap is believed only where it is plausible.

A counter that goes back otherwise was reset or jumped, which look alike: that interval is a gap,
and the joules since zero are not counted. What no meter can see: a jump forward by less than
`max_w` times the interval, a reset from so near zero or so near the wrap, a freeze shorter than
`stuck_s` that loses joules, and a freeze that has only begun when a window ends.
"""

from __future__ import annotations

import math

from picojoule.meter.base import Domain, Quantum, Sample
from picojoule.meter.mark import OPEN, Closed, Energy, Mark, Totals, between, gap, overdue

__all__ = ["Accumulator", "Energy", "Mark", "between"]

# How slowly the counters of a component may move on: RAPL's every millisecond (Intel SDM vol. 3B,
# 16.10.3), NVML's every 100 ms (Zeus's documentation), others no slower.
UPDATE_S = {"cpu": 0.002, "dram": 0.002}
SLOWEST_UPDATE_S = 0.1

FAILED, STUCK = "read failed", "counter stuck"
IMPLAUSIBLE = "more joules than the hardware can use"
BACKWARDS = "counter went back: reset, or a fault"
AMBIGUOUS = "so long that the counter may have wrapped more than once"
TOO_LONG = "too long between two samples"
CLOCK_BACK, CLOCK_STILL = "clock went back", "clock stood still"

_ROUNDING = 1e-9  # of sums of floats
_REMEMBERED = 256  # intervals; a window opened longer ago than that many faults may be less exact


class Accumulator:
    """Turns the samples of one domain into joules. Not thread-safe: callers take turns.

    update_s: how often the value moves on, where it was measured. bridge_s: the longest time over
    failed reads for which a counter's joules are believed. stuck_s: how long a counter may stand
    still, None for ever. max_gap_s: the longest interval over which power is integrated.
    """

    def __init__(
        self,
        domain: Domain,
        *,
        update_s: float | None = None,
        bridge_s: float = 60.0,
        stuck_s: float | None = 10.0,
        max_gap_s: float = 5.0,
    ) -> None:
        self.domain = domain
        usual_s = UPDATE_S.get(domain.component, SLOWEST_UPDATE_S)
        self.update_s = usual_s if update_s is None else update_s
        self._bridge_s, self._max_gap_s = bridge_s, max_gap_s
        self._stuck_s = math.inf if stuck_s is None else stuck_s
        self._totals = Totals()
        self._now_s = self._base_s = math.nan
        self._base: Sample | None = None
        self._open = ""  # why the interval since `_base_s` is not closed yet
        self._stood = False  # a good sample in it had not moved
        self._last: Closed | None = None
        self._marked = self._marked_blind = False  # since `_base_s`; while reads failed
        self._closed: tuple[Closed, ...] = ()
        self._n_closed = self._n_samples = self._number = 0
        self._reasons: dict[str, int] = {}
        self._frozen_reasons: tuple[tuple[str, int], ...] = ()

    def add(self, sample: Sample) -> None:
        """Take the next sample of this domain."""
        if not self._clock_advances(sample.time_s):
            return
        self._now_s = sample.time_s
        if reason := self._fault(sample):
            self._note(reason)
            self._open = STUCK if self._open == STUCK else reason
            return
        self._n_samples += 1
        if self._base is None:
            self._close(gap(self.domain, self._now_s - self._base_s, enclosed=False), sample)
        elif self.domain.quantum is Quantum.POWER_W:
            self._add_power(self._base, sample)
        elif _value(sample) == _value(self._base):
            self._stand_still()
        else:
            self._add_counter(self._base, sample)

    def mark(self) -> Mark:
        """The moment of the latest sample."""
        mark = Mark(
            time_s=self._now_s,
            domain=self.domain,
            update_s=self.update_s,
            totals=self._totals,
            base_s=self._base_s,
            number=self._number,
            anchored=self._base is not None,
            open_reason=self._open,
            last=self._last,
            closed=self._closed,
            n_closed=self._n_closed,
            reasons=self._frozen_reasons,
            n_samples=self._n_samples,
        )
        self._marked = True
        self._marked_blind |= mark.blind
        return mark

    @property
    def _blind(self) -> bool:
        """Whether nothing is known since the last good sample, or what is can't be trusted."""
        return self._open not in ("", OPEN)

    def _clock_advances(self, time_s: float) -> bool:
        if math.isnan(self._now_s) and math.isfinite(time_s):
            self._now_s = self._base_s = time_s
        elif time_s < self._now_s:  # what time passed is unknown: start again from here
            self._note(CLOCK_BACK)
            self._close(gap(self.domain, self._now_s - self._base_s, enclosed=False), None)
            self._base_s = time_s
        elif not (time_s > self._now_s and math.isfinite(time_s)):
            self._note(CLOCK_STILL)
            return False
        return True

    def _fault(self, sample: Sample) -> str:
        value, wraps_at_j = sample.value, self.domain.wraps_at_j
        if value is None:
            return sample.reason or FAILED
        if not math.isfinite(value) or value < 0:
            return f"not a reading: {value:g}"
        if self.domain.quantum is Quantum.POWER_W:
            return IMPLAUSIBLE if value > self.domain.max_w else ""
        return "above the counter's range" if wraps_at_j is not None and value > wraps_at_j else ""

    def _add_power(self, base: Sample, sample: Sample) -> None:
        seconds = sample.time_s - base.time_s
        if self._blind or seconds > self._max_gap_s:
            self._lose(self._open or TOO_LONG, sample)
            return
        first_w, last_w = _value(base), _value(sample)
        spread_j = (abs(last_w - first_w) / 2 + self.domain.resolution_j) * seconds
        joules = (first_w + last_w) / 2 * seconds
        self._close(Totals(joules, min(spread_j, joules), spread_j, seconds), sample)

    def _stand_still(self) -> None:
        """The counter has not moved: that is nothing yet, and after `stuck_s` a fault."""
        if self._open == STUCK:
            return
        self._open, self._stood = OPEN, True
        if self._overdue(self._now_s):
            self._open = STUCK
            self._note(STUCK)
            self._revoke()

    def _overdue(self, time_s: float) -> bool:
        return overdue(self.domain, self._totals, time_s - self._base_s, self._stuck_s)

    def _revoke(self) -> None:
        """Take back the interval before: a freeze may have begun inside it, and it lacks joules."""
        if self._last is not None and self._last.totals.covered_s > 0:
            taken = self._last.taken_back(self.domain)
            self._remember(taken)
            self._totals = taken.undo(self._totals)
            self._last = None

    def _add_counter(self, base: Sample, sample: Sample) -> None:
        seconds = sample.time_s - base.time_s
        joules, reason = self._joules(_value(base), _value(sample), seconds)
        if self._open == STUCK or (self._blind and seconds > self._bridge_s):
            reason = self._open
        elif self._stood and self._overdue(sample.time_s):
            reason = STUCK
        if reason:
            self._lose(reason, sample)
        else:
            self._close(Totals(joules, covered_s=seconds), sample)

    def _joules(self, first_j: float, last_j: float, seconds: float) -> tuple[float, str]:
        """Joules from one value of the counter to the next, and why not to believe them."""
        domain, joules = self.domain, last_j - first_j
        most_j = domain.max_w * (seconds + self.update_s) * (1 + _ROUNDING) + domain.resolution_j
        if domain.wraps_at_j is not None:
            if most_j >= domain.wraps_at_j:
                return joules, AMBIGUOUS
            if joules < 0 and joules + domain.wraps_at_j <= most_j:
                return joules + domain.wraps_at_j, ""
        if joules < 0:
            return joules, BACKWARDS
        return joules, IMPLAUSIBLE if joules > most_j else ""

    def _lose(self, reason: str, sample: Sample) -> None:
        self._note(reason)
        if reason in (STUCK, IMPLAUSIBLE):  # too many joules may be those that a counter owed
            self._revoke()
        self._close(gap(self.domain, sample.time_s - self._base_s), sample)

    def _close(self, totals: Totals, sample: Sample | None) -> None:
        """End the interval since the last good sample; `sample` begins the next."""
        closed = Closed(self._number, self._now_s, totals)
        if self._marked_blind or (self._marked and totals.gap_s > 0):
            self._remember(closed)
        self._last, self._number = closed, self._number + 1
        self._totals = self._totals.plus(totals)
        self._base, self._base_s, self._open = sample, self._now_s, ""
        self._marked = self._marked_blind = self._stood = False

    def _remember(self, closed: Closed) -> None:
        self._closed = (*self._closed, closed)[-_REMEMBERED:]
        self._n_closed += 1

    def _note(self, reason: str) -> None:
        self._reasons[reason] = self._reasons.get(reason, 0) + 1
        self._frozen_reasons = tuple(self._reasons.items())


def _value(sample: Sample) -> float:
    return math.nan if sample.value is None else sample.value
