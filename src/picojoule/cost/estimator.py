"""The Estimator protocol: one file per cost family implements it."""

from __future__ import annotations

from typing import Protocol

from picojoule.chips import Chip
from picojoule.graph import Graph
from picojoule.ledger import Ledger

__all__ = ["Estimator"]


class Estimator(Protocol):
    """Predicts the ledger of a graph on a chip."""

    def estimate(self, graph: Graph, chip: Chip) -> Ledger:
        """Rows for every op of `graph`; what can't be priced is UNAVAILABLE, never 0."""
        ...
