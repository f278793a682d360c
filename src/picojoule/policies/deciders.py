"""Deciders that look at one value alone."""

from __future__ import annotations

from dataclasses import dataclass

from picojoule.errors import InputError
from picojoule.policies.base import Action

__all__ = ["Band", "Threshold"]


@dataclass(frozen=True, slots=True)
class Threshold:
    """Exit from `at` on, escalate below."""

    at: float

    def decide(self, signal: float) -> Action:
        """EXIT or ESCALATE. A signal that is not a number escalates."""
        return Action.EXIT if signal >= self.at else Action.ESCALATE


@dataclass(frozen=True, slots=True)
class Band:
    """Escalate between two thresholds, where the answer is in doubt; exit on both sides."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise InputError("a band's ends are in the wrong order", got=(self.low, self.high))

    def decide(self, signal: float) -> Action:
        """EXIT or ESCALATE. A signal that is not a number escalates."""
        sure = signal < self.low or signal > self.high
        return Action.EXIT if sure else Action.ESCALATE
