"""A simulated source of power with its own clock, and sensors that read it, faults included."""

from __future__ import annotations

from collections.abc import Callable

from picojoule.meter.base import Domain, Quantum, Sample, Scope
from picojoule.quantity import Evidence


class Clock:
    """Monotonic seconds that only `sleep` moves."""

    def __init__(self, now_s: float = 1000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class Source:
    """Power over time; `joules` is the truth. `use(seconds, watts)` is work being done."""

    def __init__(self, clock: Clock, idle_w: float = 10.0) -> None:
        self.clock, self.idle_w = clock, idle_w
        self._extra_j = 0.0
        self._start_s = clock()
        self.extra_w = 0.0

    def joules(self) -> float:
        return self.idle_w * (self.clock() - self._start_s) + self._extra_j

    def use(self, seconds: float, watts: float) -> None:
        """Work that draws `watts` above idle for so long."""
        self._extra_j += watts * seconds
        self.clock.sleep(seconds)


class FakeSensor:
    """Domains that read a source: share by name. fault(domain, time_s) -> reason or ''."""

    def __init__(
        self,
        source: Source,
        domains: dict[Domain, float],
        *,
        name: str = "fake",
        evidence: Evidence = Evidence.MEASURED,
        fault: Callable[[str, float], str] = lambda domain, time_s: "",
        missing: tuple[str, ...] = (),
    ) -> None:
        self.source, self.shares, self.fault = source, domains, fault
        self.name, self.evidence, self.missing = name, evidence, missing
        self.domains = tuple(domains)
        self.n_reads = self.n_closed = 0

    def read(self) -> tuple[Sample, ...]:
        self.n_reads += 1
        return tuple(self._sample(d, share) for d, share in self.shares.items())

    def _sample(self, domain: Domain, share: float) -> Sample:
        now_s = self.source.clock()
        reason = self.fault(domain.name, now_s)
        if reason:
            return Sample(domain.name, now_s, None, reason)
        value = share * self.source.joules()
        if domain.quantum is Quantum.POWER_W:
            value = share * self.source.idle_w
        if domain.wraps_at_j is not None:
            value %= domain.wraps_at_j
        return Sample(domain.name, now_s, value)

    def close(self) -> None:
        self.n_closed += 1


def counter(name: str, component: str = "cpu", **options) -> Domain:
    scope = options.pop("scope", Scope.CHIP)
    return Domain(name, component, scope, Quantum.COUNTER_J, **{"max_w": 1000.0, **options})


def power(name: str, component: str = "gpu", **options) -> Domain:
    return Domain(name, component, Scope.DEVICE, Quantum.POWER_W, **{"max_w": 1000.0, **options})


def package(source: Source, share: float = 1.0, **options) -> FakeSensor:
    """One CPU package that wraps at 262144 J."""
    return FakeSensor(source, {counter("rapl:package-0", wraps_at_j=262_144.0): share}, **options)
