"""FleetPolicy: who trains how many local steps, and whose updates are merged when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from picojoule.cluster.fleet.clients import Client
from picojoule.errors import InputError

__all__ = ["Answer", "FleetPolicy", "Start", "steps_between"]


@dataclass(frozen=True, slots=True)
class Start:
    """Send client number `client` the newest model, to train it for `steps` local steps."""

    client: int
    steps: int


@dataclass(frozen=True, slots=True)
class Answer:
    """merged: clients whose updates enter the global model now. started: who trains on.

    A merge comes before the starts, so these train the model that it makes.
    """

    merged: tuple[int, ...] = ()
    started: tuple[Start, ...] = ()


class FleetPolicy(Protocol):
    """Assigns local steps. May hold state; one object serves one simulation.

    Clients are numbered in the order of the fleet. A client that is not started waits, idle.
    """

    @property
    def alarm_s(self) -> float:
        """When `act` wants to be called though nobody arrives; infinity for never."""
        ...

    def begin(self, clients: Sequence[Client]) -> Answer:
        """The first starts, at time 0."""
        ...

    def act(self, now_s: float, arrived: int | None) -> Answer:
        """What follows from the arrival of a client's update, or from the alarm (None)."""
        ...


def steps_between(least: int, most: int) -> None:
    """Raise InputError unless 1 <= least <= most."""
    if not 1 <= least <= most:
        raise InputError(
            "local steps are not possible", got=(least, most), expected="1 <= least <= most"
        )
