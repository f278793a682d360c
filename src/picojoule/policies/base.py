"""Stage and Decider: what may run, and what decides whether it does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from picojoule.errors import InputError
from picojoule.ledger import Ledger
from picojoule.quantity import Evidence

__all__ = ["Action", "Decider", "Stage"]


class Action(StrEnum):
    """What a decider asks for."""

    EXIT = "exit"
    ESCALATE = "escalate"
    REUSE = "reuse"


class Decider(Protocol):
    """One number in, one action out. The number comes from `signals`, or from anywhere."""

    def decide(self, signal: float) -> Action:
        """The action for one value of the signal."""
        ...


@dataclass(frozen=True, slots=True)
class Stage:
    """Something that runs as a whole: a model, a segment up to an exit, a sensor, a hash.

    energy_j, time_s: of one run. evidence: how well they are known. Raises InputError for
    numbers that are not 0 or more: energy that is not known has no place in a mix of stages.
    """

    name: str
    energy_j: float
    time_s: float = 0.0
    evidence: Evidence = Evidence.ASSUMED

    def __post_init__(self) -> None:
        if not (0 <= self.energy_j < math.inf and 0 <= self.time_s < math.inf):
            raise InputError(
                "a stage needs its energy and its time",
                where=self.name,
                got=f"{self.energy_j} J, {self.time_s} s",
                expected="finite numbers, 0 or more",
            )

    @classmethod
    def of(cls, name: str, ledger: Ledger) -> Stage:
        """A stage from the total of a ledger. Raises InputError if a row of it is unavailable."""
        total = ledger.total()
        if total.coverage < 1:
            raise InputError(
                "the ledger of a stage has rows without an energy",
                where=name,
                got=", ".join(total.missing),
            )
        return cls(name, total.energy.value, total.time.value, total.energy.evidence)
