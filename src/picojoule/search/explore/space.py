"""Space: which parameters of a chip take which values, and what a design may not exceed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from picojoule.chips import Chip

__all__ = ["OBJECTIVES", "Axis", "Design", "Space", "Value"]

Value = int | float | str | tuple[str, ...]
Design = tuple[Value, ...]
"""One value for each axis."""

OBJECTIVES = ("energy", "latency", "area")


@dataclass(frozen=True, slots=True)
class Axis:
    """A parameter's path and its values, in order."""

    path: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Space:
    """All combinations of the axes' values on a chip.

    node_nm: process node for areas. most: largest energy (J), latency (s) and area (mm²) of a
    design, by objective; those not named are free.
    """

    chip: Chip
    axes: tuple[Axis, ...]
    node_nm: float | None = None
    most: Mapping[str, float] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many designs there are."""
        return math.prod(len(axis.values) for axis in self.axes)

    def design(self, number: int) -> Design:
        """The design of that number, from 0; the last axis turns fastest."""
        picked = []
        for axis in reversed(self.axes):
            number, index = divmod(number, len(axis.values))
            picked.append(axis.values[index])
        return tuple(reversed(picked))

    def named(self, design: Design) -> dict[str, Value]:
        """A design's values by path."""
        return dict(zip((axis.path for axis in self.axes), design, strict=True))
