"""Price: what one design costs on every workload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from picojoule.chips import Chip
from picojoule.cost import SpatialEstimator, family
from picojoule.cost.spatial import Effort
from picojoule.cost.units import CONTRACTIONS
from picojoule.errors import InputError
from picojoule.formats import Format, parse_format
from picojoule.graph import Graph, Op
from picojoule.quantity import Quantity
from picojoule.search.explore.amounts import total, unavailable
from picojoule.search.explore.area import area_mm2, array_format

__all__ = ["EFFORT", "Cost", "in_format", "price"]

EFFORT = Effort(loops=5, samples=200, spreads=4, starts=1)
"""How far each layer's mapping is searched. A design's rank matters here, so less than default."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Joules, seconds and mm² of a design; energy and latency of one run of every workload.

    workloads: joules and seconds of each. missing: why it has no price, or "".
    """

    energy: Quantity
    latency: Quantity
    area: Quantity
    workloads: Mapping[str, tuple[float, float]]
    missing: str = ""

    def of(self, objective: str) -> float:
        """The value of an objective in J, s or mm²; NaN where unavailable."""
        quantity: Quantity = getattr(self, objective)
        return quantity.value


def price(
    chip: Chip,
    graphs: Mapping[str, Graph],
    values: Mapping[str, Any],
    node_nm: float | None = None,
    effort: Effort = EFFORT,
) -> Cost:
    """The cost of a varied chip. values: the design's, of which "format" and "mapping" count here.

    On a chip with an array, contractions run in its format. A design on which some op has no price
    has no price, and `missing` names the op.
    """
    area = area_mm2(chip, node_nm)
    estimator = family(chip)
    if isinstance(estimator, SpatialEstimator):
        objective = str(values.get("mapping", "energy"))
        estimator = replace(estimator, objective=objective, effort=effort)
    parts: dict[str, tuple[Quantity, Quantity]] = {}
    for name, graph in graphs.items():
        run = in_format(graph, parse_format(array_format(chip))) if chip.spatial else graph
        try:
            found = estimator.estimate(run, chip).total()
        except InputError as error:
            return _unpriced(area, f"{name}: {error.what}")
        if found.coverage < 1:
            return _unpriced(area, f"{name}: no price of {found.missing[0]}")
        parts[name] = found.energy, found.time
    energy = total([energy for energy, _ in parts.values()], "J")
    latency = total([time for _, time in parts.values()], "s")
    each = {name: (energy.value, time.value) for name, (energy, time) in parts.items()}
    return Cost(energy, latency, area, each)


def in_format(graph: Graph, fmt: Format) -> Graph:
    """`graph` with all operands of its contractions stored in `fmt`."""
    return graph.with_ops(tuple(_stored(op, fmt) for op in graph.ops))


def _stored(op: Op, fmt: Format) -> Op:
    if op.kind not in CONTRACTIONS:
        return op
    return replace(op, operands=tuple(replace(o, format=fmt) for o in op.operands))


def _unpriced(area: Quantity, why: str) -> Cost:
    return Cost(unavailable("J"), unavailable("s"), area, {}, why)
