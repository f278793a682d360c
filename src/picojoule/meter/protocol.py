"""`pj.measure`: joules per call, with warm-up, idle, repeats until the interval is narrow enough,
and a plain word when the evidence can't tell.

    warm up ──► watch the ticks ──► idle ──► repeat a window of n calls ... ──► judge
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from picojoule.errors import Inconclusive, InputError, MissingError
from picojoule.ledger import Ledger, Row
from picojoule.meter.repeats import (
    Repeat,
    Runner,
    check_known,
    per_call,
    shortest_window_s,
    systematic,
    ticks,
    usual_domains,
)
from picojoule.meter.robust import MIN_VALUES, Trend, trend
from picojoule.meter.session import Meter, Sync
from picojoule.meter.session import meter as new_meter
from picojoule.meter.window import counted, less_idle
from picojoule.quantity import Evidence, Quantity, weakest

__all__ = ["Measurement", "measure"]

_IDLE_SHARE = 0.2  # of the budget, at most
_WARM_SHARE = 0.2
_TREND_P = 0.01
_MAX_REPEATS = 1000
_MIN_SPAN_S = 2.0  # a trend needs time to show


@dataclass(frozen=True)
class Measurement:
    """What one call costs.

    energy, time: medians over repeats, joules and seconds per call, with 95% intervals; energy's
    also spans how far the sensors may be off. spread: half-width of the interval from repetition
    alone, as a fraction. idle: watts of the idle machine; above_idle: joules per call less the
    idle power, beside and never instead. ledger: per domain. state: steady or drifting, over how
    long. conclusive: whether energy is known as narrowly as asked; reason: why not, else empty.
    """

    name: str
    energy: Quantity
    time: Quantity
    power: Quantity
    idle: Quantity
    above_idle: Quantity
    spread: float
    relative: float
    state: str
    conclusive: bool
    reason: str
    n_repeats: int
    n_dropped: int
    n_calls: int
    ledger: Ledger
    repeats: tuple[Repeat, ...] = field(repr=False)
    notes: tuple[str, ...] = ()

    def or_refuse(self) -> Measurement:
        """This, or Inconclusive (exit code 3) when the evidence is too weak."""
        if not self.conclusive:
            raise Inconclusive(f"no firm energy: {self.reason}", where=self.name)
        return self

    def to_dict(self) -> dict[str, Any]:
        """JSON document `picojoule/measure/1`."""
        quantities = ("energy", "time", "power", "idle", "above_idle")
        plain = ("name", "relative", "state", "conclusive", "reason", "n_repeats", "n_dropped",
                 "n_calls")  # fmt: skip
        return {
            "schema": "picojoule/measure/1",
            **{n: getattr(self, n) for n in plain},
            **{n: getattr(self, n).to_dict() for n in quantities},
            "spread": self.spread if math.isfinite(self.spread) else None,
            "notes": list(self.notes),
            "ledger": self.ledger.to_dict(),
        }


def measure(
    fn: Callable[[], object],
    *,
    meter: Meter | Literal["auto"] = "auto",
    relative: float = 0.05,
    budget_s: float = 30.0,
    idle_s: float = 2.0,
    require: Evidence = Evidence.ASSUMED,
    sync: Sync = "auto",
    name: str = "call",
    sleep: Callable[[float], object] = time.sleep,
) -> Measurement:
    """Joules and seconds per call of `fn`, to within ±relative or until `budget_s` is spent.

    meter: "auto" for all sensors found, or one that you made (running or not). relative: half
    the 95% interval over the median. idle_s: seconds of doing nothing first, for the idle power.
    require: the weakest evidence that will do; weaker sensors raise MissingError. sync: called
    before both ends of each window. sleep takes seconds.

    A result that is not `conclusive` says why. Raises MissingError when no sensor can be read,
    and Inconclusive when fewer than six repeats are usable.
    """
    if not (relative > 0 and budget_s > 0 and idle_s >= 0):
        got = f"relative {relative}, budget_s {budget_s}, idle_s {idle_s}"
        raise InputError("not a plan for measuring", got=got, expected="numbers above 0")
    with running(meter, sync) as m:
        check_evidence(m, require)
        deadline = m.clock() + budget_s
        tick_s = ticks(m, sleep)
        check_known(m)
        runner = Runner(m, fn, name, shortest_window_s(m, tick_s))
        runner.warm_up(m.clock() + _WARM_SHARE * budget_s)
        if idle_s:
            m.idle(min(idle_s, _IDLE_SHARE * budget_s), sleep)
        repeats: list[Repeat] = []
        while len(repeats) < _MAX_REPEATS:
            repeats.append(runner.repeat())
            if m.clock() >= deadline or judge(runner, repeats, relative).enough:
                break
        return _measurement(runner, repeats, relative)


@contextmanager
def running(meter: Meter | Literal["auto"], sync: Sync = "auto") -> Iterator[Meter]:
    """The caller's meter, started if need be; or one of all sensors."""
    if meter == "auto":
        meter = new_meter(sync=sync, share="process")
    if meter.running:
        yield meter
        return
    with meter:
        yield meter


def check_evidence(m: Meter, require: Evidence) -> None:
    """Raise MissingError when the meter's sensors know less well than required."""
    if m.evidence > require:
        missing = [text for s in m.sensors for text in s.missing]
        raise MissingError(
            "the sensors here are too weak", got=m.evidence.word, expected=require.word,
            fix="; ".join(missing) or "pj doctor",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """The repeats that count, what is known from them, and whether that is enough."""

    good: tuple[Repeat, ...]
    flaws: tuple[str, ...]
    spread: float
    drift: Trend
    skipped: int
    relative: float

    @property
    def drifting(self) -> bool:
        """A trend that is real, and as large as the asked interval is wide."""
        return self.drift.p_value < _TREND_P and abs(self.drift.relative) > self.relative

    @property
    def seconds(self) -> float:
        """From the first window that counts to the last."""
        return self.good[-1].end.ended_s - self.good[0].begin.began_s if self.good else 0.0

    @property
    def enough(self) -> bool:
        """More repeats would tell nothing more."""
        narrow = self.spread <= self.relative and not self.drifting
        return narrow and self.seconds >= _MIN_SPAN_S


def judge(runner: Runner, repeats: Sequence[Repeat], relative: float) -> Verdict:
    """Drop the repeats with a flaw, and those before the machine was steady."""
    usual = usual_domains(repeats)
    flaws = [w.flaw(usual, 0.9 * runner.shortest_s) for w in repeats]
    good = [w for w, flaw in zip(repeats, flaws, strict=True) if not flaw]
    verdict = None
    for skipped in (0, len(good) // 3, len(good) // 2):
        rest = tuple(good[skipped:])
        if verdict is not None and len(rest) < MIN_VALUES:
            break
        values = [w.joules / w.calls for w in rest]
        energy = per_call(values, "J", Evidence.MEASURED)
        spread = (energy.high - energy.low) / 2 / energy.value if energy.value > 0 else math.inf
        bad = tuple(flaw for flaw in flaws if flaw)
        found = Verdict(rest, bad, spread, trend(values), skipped, relative)
        verdict = verdict if verdict is not None and found.drifting else found
        if not found.drifting:
            break
    assert verdict is not None  # noqa: S101  (the loop runs at least once)
    return verdict


def _measurement(runner: Runner, repeats: Sequence[Repeat], relative: float) -> Measurement:
    verdict = judge(runner, repeats, relative)
    good = verdict.good
    if len(good) < MIN_VALUES:
        raise Inconclusive(
            "too few usable windows", where=runner.name, got=_flaws(verdict, len(good)),
            expected=MIN_VALUES, fix="give it more time, or a quieter machine",
        )  # fmt: skip
    low, high, evidence = systematic(runner.meter, good)
    median = per_call([w.joules / w.calls for w in good], "J", evidence)
    energy = Quantity(median.value, median.low * low, median.high * high, "J", evidence)
    seconds = per_call([w.seconds / w.calls for w in good], "s", Evidence.MEASURED)
    idle = runner.meter.idle_power
    reason = _reason(verdict, energy, evidence)
    return Measurement(
        name=runner.name,
        energy=energy,
        time=seconds,
        power=_power(good, low, high, evidence),
        idle=idle,
        above_idle=less_idle(energy, idle, seconds),
        spread=verdict.spread,
        relative=relative,
        state=_state(verdict),
        conclusive=not reason,
        reason=reason,
        n_repeats=len(good),
        n_dropped=len(verdict.flaws),
        n_calls=sum(w.calls for w in good),
        ledger=_ledger(runner, good, energy, seconds),
        repeats=tuple(repeats),
        notes=_notes(verdict),
    )


def _power(good: Sequence[Repeat], low: float, high: float, evidence: Evidence) -> Quantity:
    watts = per_call([w.joules / w.seconds for w in good], "W", evidence)
    return Quantity(watts.value, watts.low * low, watts.high * high, "W", evidence)


def _reason(verdict: Verdict, energy: Quantity, evidence: Evidence) -> str:
    """Why it isn't conclusive; empty when it is."""
    asked = f"±{verdict.relative:.1%} asked"
    if verdict.drifting:
        return _state(verdict)
    if verdict.spread > verdict.relative:
        cause = f"; {_flaws(verdict, len(verdict.good))}" if verdict.flaws else ""
        return f"repeats agree to ±{verdict.spread:.1%} only, {asked}{cause}; give it more time"
    half = (energy.high - energy.low) / 2 / energy.value
    if half > verdict.relative:
        known = f"the {evidence.word} sensor leaves ±{half:.0%}"
        return f"{known}, {asked} (repeats agree to ±{verdict.spread:.1%})"
    return ""


def _state(verdict: Verdict) -> str:
    over = f"over {verdict.seconds:.0f} s"
    if verdict.drifting:
        pace = trend([w.seconds / w.calls for w in verdict.good])
        slower = pace.p_value < _TREND_P and pace.relative > 0
        cause = "calls slow down too: clocks or heat" if slower else "at a steady pace: heat"
        cause = cause if verdict.drift.relative > 0 else "not warm yet, or clocks rise"
        return f"drifting: {verdict.drift.relative:+.1%} J/call {over} ({cause})"
    return f"steady {over}"


def _notes(verdict: Verdict) -> tuple[str, ...]:
    notes = [f"{n} × {f}" for f in dict.fromkeys(verdict.flaws) if (n := verdict.flaws.count(f))]
    if verdict.skipped:
        notes.append(f"the first {verdict.skipped} windows were left out: not steady yet")
    return tuple(notes)


def _flaws(verdict: Verdict, good: int) -> str:
    reasons = "; ".join(_notes(verdict))
    return f"{good} ({reasons})" if reasons else str(good)


def _ledger(runner: Runner, good: Sequence[Repeat], energy: Quantity, seconds: Quantity) -> Ledger:
    """One row per domain and call: each domain's share of the headline, which they sum to."""
    pooled: dict[str, list[Any]] = {}
    for reading in (r for w in good for r in counted(w.readings)):
        pooled.setdefault(reading.domain.name, []).append(reading)
    whole = math.fsum(r.energy.energy_j for rs in pooled.values() for r in rs if r.known)
    rows = [_row(runner.name, rs, whole, energy, seconds, n == 0) for n, rs in
            enumerate(pooled.values())]  # fmt: skip
    context = runner.meter.whole.context()
    return Ledger.of(rows, model=runner.name, **context)


def _row(
    name: str, readings: list[Any], whole: float, energy: Quantity, seconds: Quantity, first: bool
) -> Row:
    known, domain = [r for r in readings if r.known], readings[0].domain
    share = math.fsum(r.energy.energy_j for r in known) / whole if known and whole else math.nan
    timed = seconds if first else Quantity(0, 0, 0, "s", Evidence.MEASURED)
    return Row(
        op=name, component=domain.component, level=domain.scope.value, operand=domain.name,
        kind="window" if known else "gap", phase="measured", count=1,
        energy_j=share * energy.value, low_j=share * energy.low, high_j=share * energy.high,
        evidence=weakest(*(r.evidence for r in known)) if known else Evidence.UNAVAILABLE,
        time_s=timed.value, low_s=timed.low, high_s=timed.high,
    )  # fmt: skip
