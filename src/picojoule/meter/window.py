"""Windows: named stretches of time, and what each domain used in one, as a ledger.

A total counts a domain only where no other known domain contains it: cores lie inside their
package, everything lies inside the wall plug. What can't be read stays a row without a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any

from picojoule.errors import InputError
from picojoule.ledger import Ledger, Row
from picojoule.meter.accumulate import Energy, Mark
from picojoule.meter.attribute import CpuTimes, Share, share_between
from picojoule.meter.base import Domain, Scope
from picojoule.quantity import Evidence, Quantity, weakest

__all__ = ["Edge", "Reading", "Window", "counted", "less_idle", "per", "total_of"]

_SMALL_GAP = 0.001  # of a window: below it the interval says enough, and meta['gaps']
_WHOLE = ("wall", "battery")  # components that feed everything else in the machine


@dataclass(frozen=True, slots=True)
class Edge:
    """All domains at one moment. began_s and ended_s: monotonic seconds around the reading."""

    began_s: float
    ended_s: float
    marks: tuple[Mark, ...]
    cpu: CpuTimes | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What one domain used between two edges. UNAVAILABLE where nothing was covered."""

    domain: Domain
    energy: Energy
    evidence: Evidence

    @property
    def known(self) -> bool:
        """Whether there is a number."""
        return self.evidence is not Evidence.UNAVAILABLE

    def to_dict(self) -> dict[str, Any]:
        """JSON form; null where unavailable."""
        e = self.energy
        numbers = {"energy_j": e.energy_j, "low_j": e.low_j, "high_j": e.high_j}
        return {
            "domain": self.domain.name,
            "component": self.domain.component,
            "scope": self.domain.scope.value,
            **{k: v if self.known and math.isfinite(v) else None for k, v in numbers.items()},
            "covered_s": e.covered_s,
            "gap_s": e.gap_s,
            "reasons": list(e.reasons),
            "evidence": self.evidence.word,
        }


def counted(readings: Sequence[Reading]) -> list[Reading]:
    """The readings that a total sums: those that no other known reading contains.

    The parts of a domain that could not be read count in its place, beside its missing row.
    """
    known = [r for r in readings if r.known]
    domains = {r.domain.name: r.domain for r in readings}

    def alone(part: Reading) -> bool:
        if part.domain.component == "battery" and not part.known and known:
            return False  # on mains it has nothing to tell, and nothing of the others is missing
        return not any(_contains(whole, part, domains) for whole in known if whole is not part)

    return [r for r in readings if alone(r)]


def _contains(whole: Reading, part: Reading, domains: Mapping[str, Domain]) -> bool:
    w, p = whole.domain, part.domain
    if w.name in _containers(p, domains):
        return True
    if w.component in _WHOLE and p.component != w.component:
        # A battery that the mains keep full reads 0: then it contains nothing.
        return w.scope is Scope.WALL or (p.scope is not Scope.WALL and whole.energy.energy_j > 0)
    # A share of the machine, or a model of what another sensor measures, isn't counted again.
    if p.scope is Scope.PROCESS:
        return w.scope is not Scope.PROCESS
    return w.component == p.component and part.known and whole.evidence < part.evidence


def _containers(domain: Domain, domains: Mapping[str, Domain]) -> list[str]:
    names: list[str] = []
    while domain.parts_of is not None and domain.parts_of not in names:
        names.append(domain.parts_of)
        if domain.parts_of not in domains:
            break
        domain = domains[domain.parts_of]
    return names


def total_of(readings: Sequence[Reading]) -> Quantity:
    """Joules of the counted domains that are known; unavailable when none is."""
    known = [r for r in counted(readings) if r.known]
    if not known:
        return Quantity(math.nan, math.nan, math.nan, "J", Evidence.UNAVAILABLE)
    value, low, high = (
        math.fsum(getattr(r.energy, n) for r in known) for n in ("energy_j", "low_j", "high_j")
    )
    return Quantity(value, low, high, "J", weakest(*(r.evidence for r in known)))


def rows(name: str, readings: Iterable[Reading], seconds: float) -> list[Row]:
    """Ledger rows: a domain's joules, and a row without a number for what it missed.

    count is the seconds that a row covers. The elapsed time stands on the first row alone, since
    all domains run at once.
    """
    built: list[Row] = []
    for reading in readings:
        if reading.known:
            built.append(_row(name, reading, reading.energy.covered_s, reading.evidence))
        if not reading.known or reading.energy.gap_s > _SMALL_GAP * seconds:
            built.append(_row(name, reading, reading.energy.gap_s, Evidence.UNAVAILABLE))
    if not built:
        return []
    return [replace(built[0], time_s=seconds, low_s=seconds, high_s=seconds), *built[1:]]


def _row(name: str, reading: Reading, seconds: float, evidence: Evidence) -> Row:
    energy, domain, missing = reading.energy, reading.domain, evidence is Evidence.UNAVAILABLE
    return Row(
        op=name,
        component=domain.component,
        level=domain.scope.value,
        operand=domain.name,
        kind="gap" if missing else "window",
        phase="measured",
        count=seconds,
        energy_j=math.nan if missing else energy.energy_j,
        low_j=math.nan if missing else energy.low_j,
        high_j=math.nan if missing else energy.high_j,
        evidence=evidence,
    )


def _unread(name: str, domain: str, seconds: float) -> Row:
    """The row of hardware that exists but may not be read."""
    return Row(
        op=name, component="unread", level="", operand=domain, kind="gap", phase="measured",
        count=seconds, energy_j=math.nan, low_j=math.nan, high_j=math.nan,
        evidence=Evidence.UNAVAILABLE,
    )  # fmt: skip


@dataclass(slots=True)
class Window:
    """A stretch of time on a meter; a context manager. Read it while it is open or after.

    take(sync, closing): reads all domains now. read: what they used between two edges. context:
    what the meter knows beside, for the ledger's meta.
    """

    name: str
    take: Callable[[bool, bool], Edge] = field(repr=False)
    read: Callable[[Edge, Edge], tuple[Reading, ...]] = field(repr=False)
    context: Callable[[], dict[str, Any]] = field(repr=False)
    thread: int = 0
    begin: Edge | None = field(default=None, repr=False)
    end: Edge | None = field(default=None, repr=False)

    def __enter__(self) -> Window:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        # After an error in the body, waiting for the device could raise a second one over it.
        self.close(sync=error is None)

    def open(self) -> Edge:
        """Begin, as entering does."""
        if self.begin is not None:
            raise InputError("a window can be entered once", where=self.name, fix="make a new one")
        self.begin = begin = self.take(True, False)
        return begin

    def close(self, sync: bool = True) -> Edge:
        """End, as leaving does."""
        self.end = end = self.take(sync, True)
        return end

    def edges(self) -> tuple[Edge, Edge]:
        """Begin, and end or now. Raises InputError for a window that was never entered."""
        if self.begin is None:
            raise InputError("the window was not entered", where=self.name, fix="use: with ...:")
        return self.begin, self.end or self.take(True, True)

    @property
    def seconds(self) -> float:
        """Elapsed seconds, without the reading of the sensors."""
        begin, end = self.edges()
        return end.began_s - begin.ended_s

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Every domain, those inside others too."""
        return self.read(*self.edges())

    @property
    def energy(self) -> Quantity:
        """Joules of the counted domains that are known; see `ledger` for the coverage."""
        return total_of(self.readings)

    @property
    def power(self) -> Quantity:
        """Mean watts of the counted domains, from the middle of one reading to the other's."""
        begin, end = self.edges()
        span_s = (end.began_s + end.ended_s - begin.began_s - begin.ended_s) / 2
        return per(total_of(self.read(begin, end)), span_s, "W")

    def ledger(self) -> Ledger:
        """One row per counted domain; the domains inside others are in meta['parts'].

        meta['idle'] is the power of the idle machine, which no row has subtracted.
        """
        edges = self.edges()
        readings, seconds = self.read(*edges), edges[1].began_s - edges[0].ended_s
        summed = counted(readings)
        parts = [r.to_dict() for r in readings if r not in summed]
        gaps = {
            r.domain.name: {"seconds": r.energy.gap_s, "reasons": list(r.energy.reasons)}
            for r in readings
            if r.energy.gap_s > 0 or not r.known
        }
        meta = {"seconds": seconds, "parts": parts, "gaps": gaps, **self.context()}
        built = rows(self.name, summed, seconds)
        built += [_unread(self.name, domain, seconds) for domain in meta["unread"]]
        return Ledger.of(built, model=self.name, **meta)

    def share(self) -> Share:
        """The part of the machine's CPU time that this process tree or container used."""
        begin, end = self.edges()
        return share_between(begin.cpu, end.cpu)

    @property
    def others(self) -> float:
        """The part of all CPU time that other processes used; NaN if it was not read."""
        begin, end = self.edges()
        return math.nan if begin.cpu is None or end.cpu is None else end.cpu.others_since(begin.cpu)

    def attributed(self) -> Ledger:
        """The ledger's CPU and DRAM rows times `share`, marked CALIBRATED at best.

        Other components can't be divided by CPU time: their rows are unavailable.
        """
        return self.share().of_ledger(self.ledger())


def per(quantity: Quantity, amount: float, unit: str) -> Quantity:
    """A quantity divided by an exact amount; unavailable for no amount."""
    if quantity.evidence is Evidence.UNAVAILABLE or not amount > 0:
        return Quantity(math.nan, math.nan, math.nan, unit, Evidence.UNAVAILABLE)
    value, low, high = (x / amount for x in (quantity.value, quantity.low, quantity.high))
    return Quantity(value, low, high, unit, quantity.evidence)


def less_idle(energy: Quantity, idle: Quantity, seconds: Quantity) -> Quantity:
    """Joules above idle: energy - idle power × time. Negative means: lost in noise.

    A sensor that is off by a factor is off by the same one at rest and at work, so what both
    intervals have in common scales the difference instead of widening it.
    """
    evidence = weakest(energy.evidence, idle.evidence)
    if evidence is Evidence.UNAVAILABLE:
        return Quantity(math.nan, math.nan, math.nan, "J", evidence)
    least = most = 1.0
    if energy.low > 0 and idle.low > 0:
        least = max(energy.low / energy.value, idle.low / idle.value)
        most = min(energy.high / energy.value, idle.high / idle.value)
    low = energy.low / least - idle.high / most * seconds.high
    high = energy.high / most - idle.low / least * seconds.low
    middle = energy.value - idle.value * seconds.value
    low, high = low * (least if low > 0 else most), high * (most if high > 0 else least)
    return Quantity(middle, min(low, middle), max(high, middle), "J", evidence)
