"""The Allocator protocol and its answer: one file per method implements it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from picojoule.ledger import Array

__all__ = ["Allocator", "Choice"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What each unit gets.

    options: the option's number by unit. sensitivity: its total. cost: totals by resource, in the
    resources' units. bound: no choice within the budget has a smaller total sensitivity.
    multiplier: sensitivity that one more unit of each resource would save, where the method
    knows it.
    """

    options: tuple[int, ...]
    sensitivity: float
    cost: tuple[float, ...]
    bound: float
    multiplier: tuple[float, ...] | None = None

    @property
    def gap(self) -> float:
        """How much better another choice could be at most."""
        return max(self.sensitivity - self.bound, 0.0)

    @property
    def optimal(self) -> bool:
        """Whether the choice is proven to be the best one, but for rounding."""
        return self.gap <= 1e-9 * (abs(self.sensitivity) + abs(self.bound))


class Allocator(Protocol):
    """Picks one option per unit: little total sensitivity, total cost within the budget."""

    def allocate(
        self,
        sensitivity: Array,
        cost: Array,
        budget: Array,
        ties: Sequence[tuple[int, ...]] = (),
    ) -> Choice:
        """The choice.

        sensitivity[unit, option]: loss that the option causes, in any unit, less is better.
        cost[unit, option, resource] >= 0; NaN or infinity where the unit doesn't have the option.
        budget[resource]: upper limits of the summed cost, infinity for none. ties: units that get
        the same option. Raises InputError for wrong shapes, NaN, ties out of range or without a
        common option, and, with the smallest feasible budget, when nothing fits.
        """
        ...
