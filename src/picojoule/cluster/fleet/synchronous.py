"""Rounds in step: everybody trains as long, and the fast wait for the slowest."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

from picojoule.cluster.fleet.clients import Client
from picojoule.cluster.fleet.policy import Answer, Start, steps_between

__all__ = ["Rounds", "Synchronous"]


class Rounds(ABC):
    """Rounds of given local steps, one number a client; the next begins when all have arrived.

    Subclasses say how many in `plan`.
    """

    alarm_s = math.inf

    @abstractmethod
    def plan(self, clients: Sequence[Client]) -> Sequence[int]:
        """Local steps of each client in a round, 1 or more."""

    def begin(self, clients: Sequence[Client]) -> Answer:
        """The first round."""
        self._round = tuple(Start(i, steps) for i, steps in enumerate(self.plan(clients)))
        self._arrived: list[int] = []
        return Answer(started=self._round)

    def act(self, now_s: float, arrived: int | None) -> Answer:
        """Merge and go on when the last client of a round has arrived."""
        if arrived is not None:
            self._arrived.append(arrived)
        if len(self._arrived) < len(self._round):
            return Answer()
        merged, self._arrived = tuple(self._arrived), []
        return Answer(merged, self._round)


class Synchronous(Rounds):
    """Federated averaging (McMahan et al., AISTATS 2017): equal steps for all, in rounds."""

    def __init__(self, steps: int = 100) -> None:
        steps_between(1, steps)
        self.steps = steps

    def plan(self, clients: Sequence[Client]) -> Sequence[int]:
        """The same for everybody."""
        return [self.steps] * len(clients)
