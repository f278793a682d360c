"""`pj.doctor`: which sensors are here, what is missing and how to get it, and a short self-test.

The self-test reads every domain while the machine rests and while one core spins: a live sensor
delivers, moves, and says more watts under load. What it finds is the evidence to expect here.
"""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from picojoule.errors import MissingError
from picojoule.meter.base import Domain, Sensor
from picojoule.meter.repeats import ticks
from picojoule.meter.session import Meter
from picojoule.meter.session import meter as new_meter
from picojoule.meter.window import Reading, counted, per
from picojoule.quantity import Evidence, Quantity, weakest

__all__ = ["Checkup", "DomainCheck", "SensorCheck", "doctor"]

_BUSY = 0.1  # of all CPU time, used by others: then idle isn't idle
_WATCH_S = 1.0  # of the self-test, to time the ticks


@dataclass(frozen=True, slots=True)
class DomainCheck:
    """What the self-test saw of one domain. tick_s: measured update period, NaN if it never
    moved. problem: what is wrong with it, or empty. part_of: the domain that contains it."""

    domain: Domain
    evidence: Evidence
    idle: Quantity
    load: Quantity
    tick_s: float
    gap_s: float
    counted: bool
    problem: str

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        d = self.domain
        return {
            "domain": d.name, "component": d.component, "scope": d.scope.value,
            "quantum": d.quantum.value, "part_of": d.parts_of, "evidence": self.evidence.word,
            "idle": self.idle.to_dict(), "load": self.load.to_dict(),
            "tick_s": self.tick_s if math.isfinite(self.tick_s) else None,
            "gap_s": self.gap_s, "counted": self.counted, "problem": self.problem,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class SensorCheck:
    """A kind of sensor: its domains, what it lacks with the fix, and the cost of one read."""

    name: str
    domains: tuple[DomainCheck, ...]
    missing: tuple[str, ...]
    read_s: float

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "sensor": self.name,
            "domains": [d.to_dict() for d in self.domains],
            "missing": list(self.missing),
            "read_s": self.read_s if math.isfinite(self.read_s) else None,
        }


@dataclass(frozen=True, slots=True)
class Checkup:
    """The machine's sensors. evidence: the best to expect of a total here; verdict: in words."""

    sensors: tuple[SensorCheck, ...]
    evidence: Evidence
    verdict: str
    virtual: str
    seconds: float

    def check(self, require: Evidence) -> None:
        """Raise MissingError (exit code 4) when the evidence here is weaker than required."""
        if self.evidence > require:
            fixes = [text for s in self.sensors for text in s.missing]
            raise MissingError(
                f"no {require.word} energy on this machine", got=self.evidence.word,
                expected=require.word, fix="; ".join(fixes) or None,
            )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """JSON document `picojoule/doctor/1`."""
        return {
            "schema": "picojoule/doctor/1",
            "evidence": self.evidence.word,
            "verdict": self.verdict,
            "virtual": self.virtual or None,
            "seconds": self.seconds,
            "sensors": [s.to_dict() for s in self.sensors],
        }


def doctor(
    sensors: Sequence[Sensor] | None = None,
    *,
    seconds: float = 10.0,
    root: str | Path = "/",
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
    spin: Callable[[float], object] | None = None,
) -> Checkup:
    """Look for energy sensors and test them for about `seconds`.

    sensors: default, all that are found. root: where /sys and /proc are mounted. spin loads one
    core for so many seconds. Never raises for a missing sensor; `Checkup.check` does.
    """
    m = new_meter(sensors, clock=clock, share="process")
    began_s = clock()
    with m:
        checks = _examine(m, seconds, sleep, spin or spin_for) if m.domains else _nothing(m)
    checks += _absent() if sensors is None else ()
    best = _expected(checks)
    virtual = virtual_machine(Path(root))
    return Checkup(checks, best, _verdict(checks, best, virtual), virtual, clock() - began_s)


def _absent() -> tuple[SensorCheck, ...]:
    """The kinds of sensor whose hardware isn't here, each with its reason."""
    from picojoule.meter.find import all_sensors

    absent = [s for s in all_sensors() if not getattr(s, "present", True)]
    for sensor in absent:
        sensor.close()
    return tuple(SensorCheck(s.name, (), s.missing, math.nan) for s in absent)


def _nothing(m: Meter) -> tuple[SensorCheck, ...]:
    return tuple(SensorCheck(s.name, (), s.missing, math.nan) for s in m.sensors)


def _examine(
    m: Meter, seconds: float, sleep: Callable[[float], object], spin: Callable[[float], object]
) -> tuple[SensorCheck, ...]:
    watch_s = min(_WATCH_S, seconds / 4)
    tick_s = ticks(m, sleep, watch_s)
    half_s = (seconds - watch_s) / 2
    with m.window("idle") as idle:
        sleep(half_s)
    with m.window("load") as load:
        spin(half_s)
    summed = {r.domain.name for r in counted(load.readings)}
    pairs = zip(idle.readings, load.readings, strict=True)
    quiet = not idle.others > _BUSY
    found = {b.domain.name: _domain(a, b, tick_s[b.domain.name], summed, quiet) for a, b in pairs}
    return tuple(
        SensorCheck(s.name, tuple(found[d.name] for d in s.domains), s.missing, _cost(s, m.clock))
        for s in m.sensors
    )


def _cost(sensor: Sensor, clock: Callable[[], float]) -> float:
    """Seconds of one read, the median of five. The meter's thread has the sensor's own locks."""
    times = []
    for _ in range(5):
        began_s = clock()
        sensor.read()
        times.append(clock() - began_s)
    return sorted(times)[2]


def _domain(
    idle: Reading, load: Reading, tick_s: float, summed: set[str], quiet: bool
) -> DomainCheck:
    resting, busy = _watts(idle), _watts(load)
    reasons = [*idle.energy.reasons, *load.energy.reasons]
    problem = "; ".join(dict.fromkeys(reasons)) if _gap_s(idle, load) > 0 else ""
    if not load.known:
        problem = problem or "no reading"
    elif not (busy.value > 0 or resting.value > 0):
        problem = "reads 0 W at rest and under load: stuck, or nothing is attached"
    elif load.domain.component == "cpu" and busy.value <= 1.01 * resting.value:
        why = "averaged, or not this machine's CPU" if quiet else "others keep the machine busy"
        problem = f"doesn't rise under load: {why}"
    evidence = weakest(load.evidence, idle.evidence)
    return DomainCheck(
        load.domain, evidence, resting, busy, tick_s, _gap_s(idle, load),
        load.domain.name in summed, problem,
    )  # fmt: skip


def _gap_s(*readings: Reading) -> float:
    return sum(r.energy.gap_s for r in readings)


def _watts(reading: Reading) -> Quantity:
    e = reading.energy
    joules = Quantity(e.energy_j, e.low_j, e.high_j, "J", reading.evidence)
    return per(joules, e.covered_s, "W")


def _expected(checks: Sequence[SensorCheck]) -> Evidence:
    """The strongest evidence of a domain that gave joules."""
    live = [d.evidence for s in checks for d in s.domains if d.load.value > 0 or d.idle.value > 0]
    return min(live, default=Evidence.UNAVAILABLE)


def _verdict(checks: Sequence[SensorCheck], best: Evidence, virtual: str) -> str:
    where = f" (this is a virtual machine: {virtual})" if virtual else ""
    live = [d for s in checks for d in s.domains if d.evidence == best]
    parts = ", ".join(dict.fromkeys(f"{d.domain.component} ({d.domain.scope.value})" for d in live))
    if best is Evidence.UNAVAILABLE:
        return f"no energy can be read or modelled here{where}: every joule will be unavailable"
    if best is Evidence.MEASURED:
        return f"energy is measured here: {parts}"
    return f"no energy sensor here{where}: joules of the {parts} will be {best.word} only"


def spin_for(seconds: float) -> None:
    """Keep one core busy."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sum(range(1000))


def virtual_machine(root: Path = Path("/")) -> str:
    """What kind of virtual machine or container this is; empty when nothing says so."""
    try:
        flags = (root / "proc/cpuinfo").read_text()
    except OSError:
        flags = ""
    if "hypervisor" in flags or (root / "sys/hypervisor/type").exists():
        try:
            vendor = (root / "sys/class/dmi/id/sys_vendor").read_text().strip()
        except OSError:
            vendor = ""
        return vendor or f"a hypervisor under {platform.system()}"
    return "a container" if (root / ".dockerenv").exists() else ""
