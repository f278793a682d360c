"""Time several models on one machine so that they can be compared.

Bursts of the candidates run in random order, round after round, so that drift (heat, frequency,
a neighbour) falls on all of them alike. A burst whose threads had to queue for a core is dropped.
The result is a median with a bootstrap interval, or the word inconclusive with the reason.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from picojoule.quantity import Evidence, Quantity

__all__ = ["Burster", "CallTime", "Timing", "ratio", "time_interleaved"]

_MAX_WAIT_SHARE = 0.05  # of a burst's CPU time; above it the machine was busy, not the model slow
_ATTEMPTS = 3  # bursts tried per round until one is clean
_MIN_BURSTS = 6  # the fewest whose range covers the median with 95% (1 - 2 * 0.5**6 = 97%)
_MANY_BURSTS = 30  # after so many, more time won't narrow an interval
_BUSY = 0.2  # share of dropped bursts that explains a wide interval
_STABLE = 0.10  # warm when two bursts in a row agree this well
_MAX_WARM_BURSTS = 6
_MIN_BURST_S = 0.04  # waking a thread takes tens of µs: a shorter burst would measure that
_MAX_BURST = 2000
_PAUSE_S = 0.003  # lets the threads of the burst before stop spinning
_RESAMPLES = 1000

Metric = Literal["cpu_s", "wall_s"]


@dataclass(frozen=True, slots=True)
class CallTime:
    """One call, or the median of several: wall time, CPU time of all threads, and how long
    threads that could run waited for a core (None where the system doesn't say)."""

    wall_s: float
    cpu_s: float
    wait_s: float | None = None


class Burster(Protocol):
    """Something that can run n calls back to back and time each."""

    def burst(self, n: int) -> list[CallTime]:
        """The times of n calls."""
        ...


@dataclass(frozen=True, slots=True)
class Timing:
    """What a call costs: medians over bursts, with 95% bootstrap intervals.

    n_bursts counts the clean bursts and n_dropped the others. rounds: the median call of each
    round, None where no burst was clean; two timings of one `time_interleaved` pair up round by
    round. reason: why it isn't conclusive, else empty.
    """

    cpu_s: Quantity
    wall_s: Quantity
    n_calls: int
    n_bursts: int
    n_dropped: int
    conclusive: bool
    reason: str
    rounds: tuple[CallTime | None, ...]


def time_interleaved(
    workers: Mapping[str, Burster],
    *,
    budget_s: float,
    burst: int = 5,
    target_relative: float = 0.05,
    seed: int = 0,
    on_round: Callable[[int, Mapping[str, Timing]], None] | None = None,
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Timing]:
    """Time every worker until all intervals are within ±target_relative, or `budget_s` is spent.

    burst: fewest calls in a row per worker and round; quick models make as many as last 40 ms.
    seed: of the order and the bootstrap. on_round is called with the round's number and the
    timings so far. clock gives seconds, sleep takes them.
    """
    deadline = clock() + budget_s
    calls = {name: _warm_up(worker, burst, deadline, clock) for name, worker in workers.items()}
    order = np.random.default_rng(seed)
    names = list(workers)
    records = {name: _Record() for name in names}
    timings: dict[str, Timing] = {}
    while not timings or (clock() < deadline and not all(t.conclusive for t in timings.values())):
        for i in order.permutation(len(names)):
            sleep(_PAUSE_S)
            records[names[i]].run(workers[names[i]], calls[names[i]])
        timings = {n: records[n].timing(calls[n], target_relative, seed) for n in names}
        if not names:
            break
        if on_round is not None:
            on_round(len(records[names[0]].rounds), timings)
    return timings


def ratio(a: Timing, b: Timing, of: Metric = "cpu_s", seed: int = 0) -> Quantity:
    """How many times as much `a` costs as `b`: the median over rounds, with its 95% interval.

    Only rounds in which both bursts were clean count. Unavailable with fewer than six.
    """
    pairs = [
        getattr(x, of) / getattr(y, of)
        for x, y in zip(a.rounds, b.rounds, strict=False)
        if x is not None and y is not None and getattr(y, of) > 0
    ]
    return _median(pairs, "x", seed)


def _warm_up(worker: Burster, burst: int, deadline: float, clock: Callable[[], float]) -> int:
    """Run bursts until two in a row agree; the number of calls that a burst should have."""
    previous = current = math.inf
    for _ in range(_MAX_WARM_BURSTS):
        if clock() >= deadline:
            break
        current = float(np.median([call.wall_s for call in worker.burst(burst)]))
        if abs(current - previous) <= _STABLE * current:
            break
        previous = current
    wanted = math.ceil(_MIN_BURST_S / current) if 0 < current < math.inf else burst
    return min(max(burst, wanted), max(burst, _MAX_BURST))


def _clean_median(calls: Sequence[CallTime]) -> CallTime | None:
    """The median call of a burst; None when its threads waited for a core."""
    waits = [call.wait_s for call in calls if call.wait_s is not None]
    if sum(waits) > _MAX_WAIT_SHARE * sum(call.cpu_s for call in calls):
        return None
    return CallTime(
        float(np.median([call.wall_s for call in calls])),
        float(np.median([call.cpu_s for call in calls])),
        float(np.median(waits)) if waits else None,
    )


@dataclass(slots=True)
class _Record:
    """What has been seen of one worker so far."""

    rounds: list[CallTime | None] = field(default_factory=list)
    n_dropped: int = 0

    def run(self, worker: Burster, burst: int) -> None:
        """One round: bursts until one is clean, or the attempts are used up."""
        for _ in range(_ATTEMPTS):
            median = _clean_median(worker.burst(burst))
            if median is not None:
                break
            self.n_dropped += 1
        self.rounds.append(median)

    def timing(self, burst: int, target_relative: float, seed: int) -> Timing:
        clean = [call for call in self.rounds if call is not None]
        cpu_s = _median([call.cpu_s for call in clean], "s", seed)
        wall_s = _median([call.wall_s for call in clean], "s", seed)
        doubt = _few(len(clean)) or _wide("CPU", cpu_s, target_relative)
        doubt = doubt or _wide("wall", wall_s, target_relative)
        return Timing(
            cpu_s=cpu_s,
            wall_s=wall_s,
            n_calls=burst * len(clean),
            n_bursts=len(clean),
            n_dropped=self.n_dropped,
            conclusive=not doubt,
            reason=doubt and f"{doubt}; {_cause(self.n_dropped, len(clean))}",
            rounds=tuple(self.rounds),
        )


def _few(clean: int) -> str:
    return f"{clean} clean bursts of {_MIN_BURSTS} needed" if clean < _MIN_BURSTS else ""


def _wide(name: str, time_s: Quantity, target: float) -> str:
    half = (time_s.high - time_s.low) / 2 / time_s.value if time_s.value > 0 else math.inf
    asked = f"±{100 * target:.1f}% asked"
    return f"{name} time known to ±{100 * half:.1f}%, {asked}" if half > target else ""


def _cause(dropped: int, clean: int) -> str:
    total = dropped + clean
    if dropped > _BUSY * total:
        return f"{dropped} of {total} bursts waited for a core: the machine is busy"
    if clean < _MANY_BURSTS:
        return "give it more time"
    return "the machine's speed drifts; a ratio, which pairs rounds, may still be firm"


def _median(values: Sequence[float], unit: str, seed: int) -> Quantity:
    """Median with a 95% percentile-bootstrap interval; unavailable for fewer than six values.

    Efron & Tibshirani 1993, An Introduction to the Bootstrap, section 13.3. The values are one
    per burst, because calls inside a burst aren't independent.
    """
    if len(values) < _MIN_BURSTS:
        return Quantity(math.nan, math.nan, math.nan, unit, Evidence.UNAVAILABLE)
    data: npt.NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    picks = np.random.default_rng(seed).integers(len(data), size=(_RESAMPLES, len(data)))
    low, high = np.percentile(np.median(data[picks], axis=1), [2.5, 97.5])
    return Quantity(float(np.median(data)), float(low), float(high), unit, Evidence.MEASURED)
