"""How much it costs: estimators from a Graph and a Chip to a Ledger."""

from __future__ import annotations

from pathlib import Path

from picojoule.chips import Chip, load_chip
from picojoule.cost.cascade.estimate import Cascades
from picojoule.cost.estimator import Estimator
from picojoule.cost.event.estimate import Events
from picojoule.cost.fuse import fuse
from picojoule.cost.pim import Dispatch
from picojoule.cost.roofline import Roofline
from picojoule.cost.spatial import SpatialEstimator
from picojoule.graph import Graph
from picojoule.ledger import Ledger

__all__ = ["Estimator", "Roofline", "SpatialEstimator", "estimate", "family", "fuse"]


def estimate(graph: Graph, on: str | Path | Chip, runtime: str | None = None) -> Ledger:
    """Predict where the joules and seconds of `graph` go on a chip.

    on: a chip, its name in the catalogue, or a TOML file. runtime: one of the chip's; None takes
    its default. The chip's description says which family prices it. Raises ChipError for an
    unknown chip or runtime.
    """
    chip = on if isinstance(on, Chip) else load_chip(on)
    return family(chip, runtime).estimate(graph, chip)


def family(chip: Chip, runtime: str | None = None) -> Estimator:
    """The estimator that the chip's description asks for.

    Spikes for an [event] part, attention cascades for [cascade], dispatch to units in memory for
    [[pim.unit]], the loop-nest mapper for [spatial], else the roofline.
    """
    if chip.event is not None:
        return Events()
    if chip.cascade is not None:
        return Cascades(runtime)
    if chip.pim is not None:
        return Dispatch(runtime)
    return SpatialEstimator(runtime=runtime) if chip.spatial else Roofline(runtime)
