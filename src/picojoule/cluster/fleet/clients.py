"""The devices of a federation: how fast each one trains, and what it draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from picojoule.errors import InputError
from picojoule.quantity import Evidence

__all__ = ["Client", "checked"]


@dataclass(frozen=True, slots=True)
class Client:
    """One device that trains on its own data.

    steps_per_s: local training steps a second. busy_w: drawn while it trains. idle_w: drawn while
    it waits. exchange_s, exchange_j: to fetch a model and send an update, once a round; the
    joules are all that is drawn in those seconds. evidence: how well its watts are known.
    Raises InputError for a speed that is not above 0 and for negative watts, seconds or joules.
    """

    name: str
    steps_per_s: float
    busy_w: float
    idle_w: float
    exchange_s: float = 0.0
    exchange_j: float = 0.0
    evidence: Evidence = Evidence.ASSUMED

    def __post_init__(self) -> None:
        if not 0 < self.steps_per_s < math.inf:
            raise InputError(
                "a client must train at some speed",
                where=self.name,
                got=f"{self.steps_per_s} steps/s",
                expected="a finite number above 0",
                fix="leave a device that can't train out of the fleet",
            )
        for name in ("busy_w", "idle_w", "exchange_s", "exchange_j"):
            if not 0 <= (value := getattr(self, name)) < math.inf:
                raise InputError(
                    f"{name} is not possible",
                    where=self.name,
                    got=value,
                    expected="a finite number, 0 or more",
                )

    @property
    def step_s(self) -> float:
        """Seconds of one local step."""
        return 1.0 / self.steps_per_s


def checked(clients: Sequence[Client]) -> tuple[Client, ...]:
    """The clients. Raises InputError if there is none, or two have one name."""
    if not clients:
        raise InputError("a fleet of no clients", fix="give at least one Client")
    names = [client.name for client in clients]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise InputError("two clients have one name", got=", ".join(twice))
    return tuple(clients)
