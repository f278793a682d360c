"""Scheduling on a scratchpad: what runs when, what stays, what is spilled and retrieved."""

from picojoule.cost.scratchpad.address import addresses
from picojoule.cost.scratchpad.dag import Dag, Task, Tensor, dag_of
from picojoule.cost.scratchpad.divide import schedule
from picojoule.cost.scratchpad.greedy import greedy
from picojoule.cost.scratchpad.ilp import solve
from picojoule.cost.scratchpad.plan import Plan, Stay, stays

__all__ = [
    "Dag", "Plan", "Stay", "Task", "Tensor", "addresses", "dag_of", "greedy", "schedule", "solve",
    "stays",
]  # fmt: skip
