"""What every energy sensor says: its domains, and samples of them. Sensors are dumb on purpose.

A sensor reads; `accumulate.py` alone turns samples into joules, so that wraps, resets, gaps and
clocks are understood in one place and tested once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

__all__ = ["Domain", "Quantum", "Sample", "Scope", "Sensor"]


class Scope(StrEnum):
    """How much of the world a domain's joules cover."""

    CHIP = "chip"
    DEVICE = "device"
    HOST = "host"
    WALL = "wall"
    PROCESS = "process"


class Quantum(StrEnum):
    """What a sample's value is: joules so far (of an arbitrary start), or watts now."""

    COUNTER_J = "counter_j"
    POWER_W = "power_w"


@dataclass(frozen=True, slots=True)
class Domain:
    """One thing that a sensor can read.

    name: unique, such as 'rapl:package-0' or 'nvml:GPU-3f2a'. component: cpu, dram, gpu, board,
    battery, wall. parts_of: the domain that already contains this one, so that it isn't summed
    twice. wraps_at_j: where a counter starts again at zero; None if it doesn't. resolution_j:
    smallest step. max_w: power that the hardware can't exceed, to tell a wrap from a fault.
    """

    name: str
    component: str
    scope: Scope
    quantum: Quantum
    parts_of: str | None = None
    wraps_at_j: float | None = None
    resolution_j: float = 0.0
    max_w: float = 10_000.0


@dataclass(frozen=True, slots=True)
class Sample:
    """A domain's value at a monotonic time; value None is a failed read, with the reason."""

    domain: str
    time_s: float
    value: float | None
    reason: str = ""


class Sensor(Protocol):
    """A source of samples. Constructing one never raises for missing hardware: it has no domains,
    and `missing` says what is lacking and the command that grants it."""

    @property
    def name(self) -> str:
        """'rapl', 'nvml'."""
        ...

    @property
    def domains(self) -> tuple[Domain, ...]:
        """What can be read, found once."""
        ...

    @property
    def missing(self) -> tuple[str, ...]:
        """What exists but can't be read, each with the fix; or why there is nothing."""
        ...

    def read(self) -> tuple[Sample, ...]:
        """One sample per domain, in order. Never raises: a failed read is a Sample of None."""
        ...

    def close(self) -> None:
        """Give back what the sensor holds. Safe to call twice."""
        ...
