"""Who gets what: one option per unit (a layer, a channel) at the least loss within a budget."""

from __future__ import annotations

from collections.abc import Sequence

from picojoule.allocate.base import Allocator, Choice
from picojoule.allocate.costs import RESOURCES, layer_costs, units_of, with_formats
from picojoule.allocate.error_cap import ErrorCap
from picojoule.allocate.greedy import Greedy
from picojoule.allocate.gumbel import Gumbel
from picojoule.allocate.ilp import ILP
from picojoule.allocate.lagrange import Lagrange
from picojoule.allocate.proportional import Proportional
from picojoule.allocate.quantile import Quantile
from picojoule.allocate.top_k import TopK
from picojoule.errors import InputError, nearest
from picojoule.ledger import Array

__all__ = [
    "ALLOCATORS",
    "ILP",
    "RESOURCES",
    "Allocator",
    "Choice",
    "ErrorCap",
    "Greedy",
    "Gumbel",
    "Lagrange",
    "Proportional",
    "Quantile",
    "TopK",
    "allocate",
    "layer_costs",
    "units_of",
    "with_formats",
]

ALLOCATORS: dict[str, Allocator] = {
    "ilp": ILP(),
    "lagrange": Lagrange(),
    "greedy": Greedy(),
    "proportional": Proportional(),
    "top-k": TopK(),
    "quantile": Quantile(),
    "error-cap": ErrorCap(),
    "gumbel": Gumbel(),
}


def allocate(
    sensitivity: Array,
    cost: Array,
    budget: Array,
    ties: Sequence[tuple[int, ...]] = (),
    method: str | Allocator = "ilp",
) -> Choice:
    """One option per unit, by a named method or an allocator; see `Allocator.allocate`.

    sensitivity[unit, option], cost[unit, option, resource], budget[resource]. Raises InputError
    for an unknown method, for wrong inputs, and for a budget that nothing meets.
    """
    if isinstance(method, str):
        if method not in ALLOCATORS:
            raise InputError(f"no allocator {method!r}", fix=nearest(method, ALLOCATORS))
        method = ALLOCATORS[method]
    return method.allocate(sensitivity, cost, budget, ties)
