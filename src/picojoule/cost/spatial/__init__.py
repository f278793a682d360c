"""The spatial family: loop nests mapped on arrays of multipliers fed by a memory hierarchy."""

from picojoule.cost.spatial.estimator import SpatialEstimator
from picojoule.cost.spatial.machine import Machine, machine_of
from picojoule.cost.spatial.mapping import Access, Cost, Mapping, replay
from picojoule.cost.spatial.nest import Nest, nest_of
from picojoule.cost.spatial.search import Effort, Found, best_mapping

__all__ = [
    "Access", "Cost", "Effort", "Found", "Machine", "Mapping", "Nest",
    "SpatialEstimator", "best_mapping", "machine_of", "nest_of", "replay",
]  # fmt: skip
