"""Nobody waits: an update is merged when it arrives, however stale it is."""

from __future__ import annotations

import math
from collections.abc import Sequence

from picojoule.cluster.fleet.clients import Client
from picojoule.cluster.fleet.policy import Answer, Start, steps_between

__all__ = ["Asynchronous"]


class Asynchronous:
    """FedAsync (Xie et al., arXiv 1903.03934): each update alone, equal steps for all."""

    alarm_s = math.inf

    def __init__(self, steps: int = 100) -> None:
        steps_between(1, steps)
        self.steps = steps

    def begin(self, clients: Sequence[Client]) -> Answer:
        """Everybody starts."""
        return Answer(started=tuple(Start(i, self.steps) for i in range(len(clients))))

    def act(self, now_s: float, arrived: int | None) -> Answer:
        """Merge the one that arrived, and send it on."""
        if arrived is None:
            return Answer()
        return Answer((arrived,), (Start(arrived, self.steps),))
