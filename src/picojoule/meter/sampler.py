"""Reads sensors: at the edges of windows, and between them in a thread as often as each needs.

A power sensor is integrated, so it is read every `period_s`. A counter needs reading only before
it can wrap, and now and then so that a reset costs seconds and not hours.
"""

from __future__ import annotations

import math
import threading
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from picojoule.meter.accumulate import Accumulator, Mark, between
from picojoule.meter.attribute import CpuClock
from picojoule.meter.base import Domain, Quantum, Sample, Sensor
from picojoule.meter.window import Edge, Reading
from picojoule.quantity import Evidence

__all__ = ["Sampler", "Trace", "evidence_of"]

_COUNTER_PERIOD_S = 10.0
_MAX_GAP_S = 5.0  # over which power is integrated; with slow sampling, _LATE periods
_LATE = 3.0
_WRAP_SHARE = 0.25  # of the shortest time in which a counter can wrap


def evidence_of(sensor: Sensor) -> Evidence:
    """How well a sensor knows: MEASURED unless it says otherwise."""
    return getattr(sensor, "evidence", Evidence.MEASURED)


@dataclass(frozen=True, slots=True)
class _Source:
    """How well a sensor knows. factors: the truth lies between these times its joules."""

    evidence: Evidence
    factors: tuple[float, float]

    @classmethod
    def of(cls, sensor: Sensor) -> _Source:
        return cls(evidence_of(sensor), getattr(sensor, "error_factors", (1.0, 1.0)))


def period_of(domains: Sequence[Domain], period_s: float, keep: bool) -> float:
    """How often these domains must be read, in seconds; infinity for none."""
    return min((_period(d, period_s, keep) for d in domains), default=math.inf)


def _period(domain: Domain, period_s: float, keep: bool) -> float:
    if domain.quantum is Quantum.POWER_W:
        return period_s
    wrap_s = math.inf if domain.wraps_at_j is None else domain.wraps_at_j / domain.max_w
    needed = min(_COUNTER_PERIOD_S, _WRAP_SHARE * wrap_s)
    return min(period_s, needed) if keep else needed


@dataclass(slots=True)
class Trace:
    """What was read of one domain: monotonic seconds, and values as read (NaN: failed)."""

    domain: Domain
    time_s: array[float] = field(default_factory=lambda: array("d"))
    value: array[float] = field(default_factory=lambda: array("d"))


class Sampler:
    """Sensors with their accumulators and a thread. All reads take turns, so times only rise."""

    def __init__(
        self,
        sensors: Sequence[Sensor],
        *,
        clock: Callable[[], float],
        period_s: float = 0.1,
        cpu: CpuClock | None = None,
        keep: bool = False,
    ) -> None:
        self.sensors = tuple(sensors)
        self._clock, self._cpu = clock, cpu
        found = [tuple(s.domains) for s in self.sensors]  # asked once: it may cost
        self.domains = tuple(d for domains in found for d in domains)
        longest_s = max(_MAX_GAP_S, _LATE * period_s)
        self._names = [[d.name for d in domains] for domains in found]
        self._accumulators = [[Accumulator(d, max_gap_s=longest_s) for d in ds] for ds in found]
        self._sources = [_Source.of(s) for s, ds in zip(sensors, found, strict=True) for _ in ds]
        self.traces = [Trace(d) for d in self.domains] if keep else []
        self._periods = [period_of(domains, period_s, keep) for domains in found]
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def edge(self, closing: bool = False) -> Edge:
        """Read everything now. CPU times are read outside the window that this opens or closes."""
        with self._lock:
            before = self._cpu.read() if self._cpu is not None and not closing else None
            began_s = self._clock()
            for number in range(len(self.sensors)):
                self._read(number)
            marks = tuple(a.mark() for row in self._accumulators for a in row)
            ended_s = self._clock()
            after = self._cpu.read() if self._cpu is not None and closing else None
            return Edge(began_s, ended_s, marks, before or after)

    def readings(self, begin: Edge, end: Edge) -> tuple[Reading, ...]:
        """What each domain used between two edges."""
        both = zip(begin.marks, end.marks, self._sources, strict=True)
        return tuple(_reading(a, b, source) for a, b, source in both)

    def learn(self, update_s: Mapping[str, float]) -> None:
        """Take measured update periods, by domain, in place of assumed ones; NaN is not known."""
        with self._lock:
            for accumulator in (a for row in self._accumulators for a in row):
                seen_s = update_s.get(accumulator.domain.name, math.nan)
                if math.isfinite(seen_s):
                    accumulator.update_s = seen_s

    def sample(self, number: int | None = None) -> tuple[Sample, ...]:
        """Read one sensor, or all of them, between edges."""
        numbers = range(len(self.sensors)) if number is None else (number,)
        with self._lock:
            return tuple(s for i in numbers for s in self._read(i))

    def start(self) -> None:
        """Sample in a thread, where any domain needs it."""
        if min(self._periods, default=math.inf) < math.inf:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="pj-meter", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread and give back the sensors. Safe to call twice."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        for sensor in self.sensors:
            sensor.close()

    def _run(self) -> None:
        due = [self._clock() + p for p in self._periods]
        while not self._stop.wait(max(0.0, min(due) - self._clock())):
            now = self._clock()
            for i, period_s in enumerate(self._periods):
                if due[i] <= now:
                    self.sample(i)
                    due[i] = max(due[i] + period_s, self._clock())  # late: skip, don't catch up

    def _read(self, number: int) -> Sequence[Sample]:
        accumulators = self._accumulators[number]
        samples = self._samples(self.sensors[number], self._names[number])
        for accumulator, sample in zip(accumulators, samples, strict=True):
            accumulator.add(sample)
        if self.traces:
            first = sum(len(row) for row in self._accumulators[:number])
            for trace, sample in zip(self.traces[first:], samples, strict=False):
                trace.time_s.append(sample.time_s)
                trace.value.append(math.nan if sample.value is None else sample.value)
        return samples

    def _samples(self, sensor: Sensor, names: Sequence[str]) -> Sequence[Sample]:
        """One sample per domain, in order, whatever the sensor does."""
        found: Sequence[Sample] = ()
        try:
            found, reason = sensor.read(), "not in the reading"
        except Exception as error:  # by contract it doesn't; a user's sensor may, and that's a gap
            reason = repr(error)
        if [s.domain for s in found] == names:
            return found
        named = {s.domain: s for s in found}
        return [named.get(n) or Sample(n, self._clock(), None, reason) for n in names]


def _reading(begin: Mark, end: Mark, source: _Source) -> Reading:
    energy = between(begin, end)
    if source.factors != (1.0, 1.0):
        low_j, high_j = energy.low_j * source.factors[0], energy.high_j * source.factors[1]
        energy = replace(energy, low_j=low_j, high_j=high_j)
    evidence = source.evidence
    known = math.isfinite(energy.energy_j)
    return Reading(begin.domain, energy, evidence if known else Evidence.UNAVAILABLE)
