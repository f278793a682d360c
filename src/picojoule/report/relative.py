"""Ratios between two values that each have an interval."""

from __future__ import annotations

from picojoule.report.documents import Candidate, QuantityDocument, Span

__all__ = ["cost_of", "energy_span", "ratio", "speed_up"]


def energy_span(quantity: QuantityDocument | None) -> Span | None:
    """A quantity's numbers, or None when it is missing or unavailable."""
    if quantity is None or quantity.value is None:
        return None
    low = quantity.value if quantity.low is None else quantity.low
    high = quantity.value if quantity.high is None else quantity.high
    return Span(quantity.value, low, high)


def cost_of(candidate: Candidate) -> tuple[bool, float]:
    """What to sort by: joules of runs, then predicted joules, then the unknown."""
    run = energy_span(candidate.energy)
    known = run or energy_span(candidate.predicted_energy)
    return run is None, float("inf") if known is None else known.value


def ratio(over: Span | None, under: Span | None) -> Span | None:
    """over / under, with the widest bounds that the two intervals allow."""
    if over is None or under is None or min(under.low, under.value) <= 0:
        return None
    return Span(over.value / under.value, over.low / under.high, over.high / under.low)


def speed_up(candidate: Candidate, than: Candidate | None) -> Span | None:
    """How many times faster `candidate` answers than `than`: by the clock, or by CPU time."""
    if than is None:
        return None
    if than.name == candidate.name:
        return Span(1.0, 1.0, 1.0)
    return ratio(than.wall_s, candidate.wall_s) or ratio(than.cpu_s, candidate.cpu_s)
