"""One repeat: a window around n calls, long enough for the counters' ticks to be many."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from picojoule.errors import MissingError
from picojoule.meter.robust import MIN_VALUES, median_interval
from picojoule.meter.session import Meter
from picojoule.meter.window import Edge, Reading, counted, total_of
from picojoule.quantity import Evidence, Quantity

__all__ = [
    "Repeat",
    "Runner",
    "check_known",
    "per_call",
    "shortest_window_s",
    "systematic",
    "ticks",
    "usual_domains",
]

TICKS = 10  # a window of fewer is mostly the error at its two ends
_MIN_WINDOW_S = 0.2
_UNKNOWN_TICK_S = 0.1  # of a counter that did not move while it was watched; NVML's is about that
_STABLE = 0.10  # warm when two bursts in a row agree this well
_WARM_BURSTS = 6
_BUSY = 0.10  # of the machine's CPU time, used by others: their joules would be taken for ours
_MAX_GAP = 0.02  # of a window


@dataclass(frozen=True, slots=True)
class Repeat:
    """n calls in a window. joules: counted domains. others: share of the machine's CPU time that
    other processes used, NaN if unknown. flaw: why it doesn't count, or empty."""

    begin: Edge
    end: Edge
    calls: int
    readings: tuple[Reading, ...]
    others: float = math.nan

    @property
    def seconds(self) -> float:
        """Elapsed seconds of all its calls."""
        return self.end.began_s - self.begin.ended_s

    @property
    def joules(self) -> float:
        """Joules of the counted domains that are known."""
        return math.fsum(r.energy.energy_j for r in counted(self.readings) if r.known)

    def flaw(self, wanted: frozenset[str], shortest_s: float) -> str:
        """Why it can't be compared with the others; empty when it can."""
        read = {r.domain.name for r in self.readings if self._whole(r)}
        if lost := sorted(wanted - read):
            return f"a gap in {lost[0]}"
        if self.seconds < shortest_s:
            return "shorter than ten ticks of the counter"
        return "other processes were busy" if self.others > _BUSY else ""

    def _whole(self, reading: Reading) -> bool:
        return reading.known and reading.energy.gap_s <= _MAX_GAP * self.seconds


@dataclass(slots=True)
class Runner:
    """Calls a function in windows of at least `shortest_s` seconds."""

    meter: Meter
    fn: Callable[[], object]
    name: str
    shortest_s: float
    calls: int = 1

    def warm_up(self, deadline_s: float) -> None:
        """Call until two bursts in a row take the same time, or the deadline; then size a window.

        The first calls fill caches, compile and raise clocks.
        """
        clock, previous = self.meter.clock, math.inf
        for _ in range(_WARM_BURSTS):
            began, burst = clock(), 0
            while burst == 0 or clock() - began < self.shortest_s / 4:
                self.fn()
                burst += 1
            current = (clock() - began) / burst
            if abs(current - previous) <= _STABLE * current or clock() >= deadline_s:
                break
            previous = current
        self.calls = max(1, math.ceil(self.shortest_s / current)) if current > 0 else burst

    def repeat(self) -> Repeat:
        """One window. The next one has more calls if this one was too short."""
        with self.meter.window(self.name) as window:
            for _ in range(self.calls):
                self.fn()
        done = Repeat(*window.edges(), self.calls, window.readings, window.others)
        if done.seconds < self.shortest_s:
            short = self.shortest_s / done.seconds if done.seconds > 0 else 10.0
            self.calls = math.ceil(self.calls * min(10.0, 1.1 * short))
        return done


def ticks(meter: Meter, sleep: Callable[[float], object], seconds: float = 0.6) -> dict[str, float]:
    """Update period of each counter in seconds, watched for a moment; NaN if it never moved.

    A power sensor's period is that of our own sampling, if its own is shorter.
    """
    clock = meter.clock
    moves: dict[str, list[float]] = {d.name: [] for d in meter.domains}
    last: dict[str, float | None] = {}
    until = clock() + seconds
    while clock() < until and any(len(m) <= TICKS for m in moves.values()):
        for sample in meter.sample():
            before = last.get(sample.domain, sample.value)
            if sample.value is not None and before is not None and sample.value != before:
                moves[sample.domain].append(sample.time_s)
            last[sample.domain] = sample.value
        sleep(0.001)
    seen = {n: float(np.median(np.diff(m))) if len(m) > 1 else math.nan for n, m in moves.items()}
    meter.learn(seen)
    return seen


def shortest_window_s(meter: Meter, tick_s: dict[str, float]) -> float:
    """Seconds of ten ticks of the slowest counted domain, and of ten samples of a power sensor."""
    periods = [p if math.isfinite(p) else _UNKNOWN_TICK_S for p in tick_s.values()]
    if any(d.quantum == "power_w" for d in meter.domains):
        periods.append(meter.period_s)
    return max([_MIN_WINDOW_S, *(TICKS * p for p in periods)])


def usual_domains(repeats: Sequence[Repeat]) -> frozenset[str]:
    """The domains that most repeats could read, of those that a total counts."""
    seen = [{r.domain.name for r in counted(w.readings) if r.known} for w in repeats]
    names = set().union(*seen)
    return frozenset(n for n in names if 2 * sum(n in s for s in seen) > len(seen))


def check_known(meter: Meter) -> None:
    """Raise MissingError, with every sensor's own fix, when no domain can be read so far."""
    readings = meter.readings
    if not any(r.known for r in readings):
        reasons = [f"{r.domain.name}: {', '.join(r.energy.reasons)}" for r in readings]
        missing = [text for s in meter.sensors for text in s.missing]
        raise MissingError(
            "no energy sensor can be read", got="; ".join(reasons) or "no sensor",
            fix="; ".join(missing) or "pj doctor",
        )  # fmt: skip


def systematic(meter: Meter, repeats: Sequence[Repeat]) -> tuple[float, float, Evidence]:
    """How far the sensors themselves may be off (low and high over value), and their evidence.

    Taken over the whole span: what a counter shows late in one window it shows in the next.
    """
    whole = total_of(meter.between(repeats[0].begin, repeats[-1].end))
    if not whole.value > 0:
        return 1.0, 1.0, whole.evidence
    return whole.low / whole.value, whole.high / whole.value, whole.evidence


def per_call(values: Sequence[float], unit: str, evidence: Evidence) -> Quantity:
    """Median of per-call values with its 95% interval; unavailable below six."""
    middle, low, high = median_interval(values)
    few = len(values) < MIN_VALUES
    return Quantity(middle, low, high, unit, Evidence.UNAVAILABLE if few else evidence)
