"""How much it costs: estimators from a Graph and a Chip to a Ledger."""

from __future__ import annotations

from pathlib import Path

from picojoule.chips import Chip, load_chip
from picojoule.cost.estimator import Estimator
from picojoule.cost.fuse import fuse
from picojoule.cost.roofline import Roofline
from picojoule.graph import Graph
from picojoule.ledger import Ledger

__all__ = ["Estimator", "Roofline", "estimate", "fuse"]


def estimate(graph: Graph, on: str | Path | Chip, runtime: str | None = None) -> Ledger:
    """Predict where the joules and seconds of `graph` go on a chip.

    on: a chip, its name in the catalogue, or a TOML file. runtime: one of the chip's; None takes
    its default. Raises ChipError for an unknown chip or runtime.
    """
    chip = on if isinstance(on, Chip) else load_chip(on)
    return Roofline(runtime).estimate(graph, chip)
