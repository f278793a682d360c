"""Explore: a chip's parameters for the least energy, latency and area of given workloads."""

from picojoule.search.explore.area import area_mm2
from picojoule.search.explore.export import to_toml
from picojoule.search.explore.front import DesignFront, Point, hypervolume, non_dominated
from picojoule.search.explore.price import Cost, price
from picojoule.search.explore.run import explore
from picojoule.search.explore.space import OBJECTIVES, Axis, Space
from picojoule.search.explore.table import load_space, space_of
from picojoule.search.explore.vary import parameters, vary

__all__ = [
    "OBJECTIVES",
    "Axis",
    "Cost",
    "DesignFront",
    "Point",
    "Space",
    "area_mm2",
    "explore",
    "hypervolume",
    "load_space",
    "non_dominated",
    "parameters",
    "price",
    "space_of",
    "to_toml",
    "vary",
]
