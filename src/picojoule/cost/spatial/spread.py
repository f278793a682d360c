"""Spread: the ways to unroll a nest's dims over the axes of the array."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from picojoule.cost.spatial.machine import Machine
from picojoule.cost.spatial.nest import Nest
from picojoule.ledger import Array

__all__ = ["spreads"]


def spreads(nest: Nest, machine: Machine, width: int) -> list[Array]:
    """The `width` spreads that keep the most units busy: arrays (axes, dims) of units.

    Of two where one uses at least as many units for every dim, only that one is listed. A dim
    that doesn't divide takes the mean over its turns: 1000 over 32 units is 32 turns of 31.25.
    """
    found = [np.ones((len(machine.axes), len(nest.names)))]
    for axis in range(len(machine.axes)):
        found = [wider for s in found for wider in _along(nest, machine, axis, s)]
    found = list({s.tobytes(): s for s in found}.values())
    found.sort(key=lambda s: -s.prod())
    best = [s for i, s in enumerate(found) if not any(_covers(o, s) for o in found[:i])]
    return best[:width]


def _covers(a: Array, b: Array) -> bool:
    return bool((a >= b * (1 - 1e-9)).all() and (a > b * (1 + 1e-9)).any())


def _along(nest: Nest, machine: Machine, axis: int, spread: Array) -> Iterator[Array]:
    """`spread` with every way to fill one more axis."""
    rule = machine.constraint
    dims = nest.select(rule.unroll.get(machine.axes[axis], ()))
    first = [d for d in dims if d in nest.select(rule.whole)]
    rest = [d for d in dims if d not in first]
    for filled, room in _whole(nest, axis, spread, first, machine.sizes[axis]):
        yield from _shared(nest, axis, filled, rest, room)


def _whole(
    nest: Nest, axis: int, spread: Array, dims: list[int], room: int
) -> Iterator[tuple[Array, int]]:
    filled = spread.copy()
    for dim in dims:
        units = _options(_left(nest, spread, dim), room)[0]
        filled[axis, dim] = units
        room //= math.ceil(units)
    yield filled, room


def _shared(nest: Nest, axis: int, spread: Array, dims: list[int], room: int) -> Iterator[Array]:
    if not dims or room < 2:
        yield spread
        return
    for units in _options(_left(nest, spread, dims[0]), room):
        wider = spread.copy()
        wider[axis, dims[0]] = units
        yield from _shared(nest, axis, wider, dims[1:], room // math.ceil(units - 1e-9))


def _left(nest: Nest, spread: Array, dim: int) -> int:
    """Turns that `dim` still has, given the units that other axes give to it."""
    return round(nest.extents[dim] / float(spread[:, dim].prod()))


def _options(extent: int, room: int) -> list[float]:
    """Units for a dim of `extent` on at most `room`: the most first, then its divisors."""
    most = extent / math.ceil(extent / room)
    divisors = [float(u) for u in range(min(extent, room), 0, -1) if extent % u == 0]
    return list(dict.fromkeys([most, *(u for u in divisors if u < most)]))
