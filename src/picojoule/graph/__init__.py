"""What runs."""

from picojoule.graph.count import Counts, count
from picojoule.graph.ir import Edge, Graph, Kind, Op, Operand, Phase, Role, Window

__all__ = [
    "Counts", "Edge", "Graph", "Kind", "Op", "Operand", "Phase", "Role", "Window", "count",
]  # fmt: skip
