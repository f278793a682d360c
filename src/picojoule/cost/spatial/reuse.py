"""Reuse: the bits that cross between two levels, for every loop at which a tile may end.

A loop order is listed innermost first. A level's tile is what its first `cut` loops touch. Then::

    fills(cut) = product of the loops outside of the cut, without the loops that are next to it
                 and don't index the tensor (its tile stays while they turn)
    traffic    = footprint of the tile × fills

The outer side of a transfer moves the union of the tiles of the units that it feeds (multicast,
and a halo shared by neighbours); outputs are summed on their way out, so there too each element
moves once. The inner side moves a tile per unit. A partial sum that comes back for more terms is
read again: all outward transfers but those that are the first of an element.

Traffic never grows with the cut, and the footprint never shrinks: `cuts.py` rests on this.
Source: Timeloop (ISPASS'19, section V) and ZigZag (IEEE TC'21, section IV) on tile analysis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from picojoule.cost.spatial.machine import Machine
from picojoule.cost.spatial.nest import Nest, Tensor
from picojoule.ledger import Array

__all__ = ["Flow", "Orders", "Setup", "flows"]

_SAME = 1 + 1e-9  # sums of equal terms in another order


@dataclass(frozen=True)
class Orders:
    """Loop orders of one nest. dim, factor: (orders, loops), innermost first; dims: how many."""

    dim: Array
    factor: Array
    dims: int

    @cached_property
    def inner(self) -> Array:
        """(dims, orders, loops + 1): extents inside each cut."""
        n, loops = self.dim.shape
        steps = np.ones((self.dims, n, loops + 1))
        rows, cuts = np.ogrid[:n, 1 : loops + 1]
        steps[self.dim, rows, cuts] = self.factor
        return np.cumprod(steps, axis=2, out=steps)

    @cached_property
    def outer(self) -> Array:
        """(orders, loops + 1): turns of the loops outside of each cut."""
        turns = np.ones((len(self.factor), self.factor.shape[1] + 1))
        turns[:, :-1] = np.cumprod(self.factor[:, ::-1], axis=1)[:, ::-1]
        return turns

    def take(self, first: int, last: int) -> Orders:
        """The orders from number `first` to before `last`."""
        return Orders(self.dim[first:last], self.factor[first:last], self.dims)

    def over(self, dims: frozenset[int]) -> Array:
        """(orders, loops): loops that turn, over one of `dims`."""
        table = np.zeros(self.dims, dtype=bool)
        table[list(dims)] = True
        turning: Array = table[self.dim] & (self.factor > 1)
        return turning


@dataclass(frozen=True)
class Setup:
    """A nest on a machine with its loops spread over the array.

    spread: (axes, dims), the units that each axis gives to each dim; not whole where a dim
    doesn't divide, as the mean over the turns of its loop.
    """

    nest: Nest
    machine: Machine
    spread: Array

    def units(self, per: frozenset[int]) -> float:
        """Busy instances of a level with one instance per unit of these axes."""
        return float(np.prod(self.spread[sorted(per)]))

    def within(self, per: frozenset[int]) -> Array:
        """(dims,): the extents that the units under one such instance cover together."""
        below = [a for a in range(len(self.spread)) if a not in per]
        extents: Array = np.prod(self.spread[below], axis=0)
        return extents

    @property
    def everywhere(self) -> frozenset[int]:
        """All axes: a multiplier has one instance for each of their units."""
        return frozenset(range(len(self.spread)))


@dataclass(frozen=True)
class Flow:
    """Bits between two levels for one tensor, at every cut of the inner one: (orders, cuts).

    inner: store index, or None for the multipliers, whose cut is always 0. in_outer, in_inner:
    moved inward, as read from the outer level and written to the inner. out_outer, out_inner:
    moved outward. tile: bits of a tile in one instance of the inner level, by whether it holds
    partial sums. partial: whether what goes outward is partial.
    """

    tensor: int
    inner: int | None
    outer: int
    in_outer: Array
    in_inner: Array
    out_outer: Array
    out_inner: Array
    tile: tuple[Array, Array]
    partial: Array

    def energy_pj(self, machine: Machine) -> Array:
        """Energy of these transfers at both of their ends."""
        outer = machine.stores[self.outer]
        energy = self.in_outer * outer.read + self.out_outer * outer.write
        if self.inner is not None:
            inner = machine.stores[self.inner]
            energy += self.in_inner * inner.fill + self.out_inner * inner.drain
        return energy


def flows(setup: Setup, orders: Orders) -> list[Flow]:
    """All transfers of the nest: for each tensor, from the multipliers outward."""
    found = []
    for number, tensor in enumerate(setup.nest.tensors):
        inner: int | None = None
        for outer in setup.machine.chain(tensor):
            found.append(_flow(setup, orders, number, inner, outer))
            inner = outer
    return found


def _flow(setup: Setup, orders: Orders, number: int, inner: int | None, outer: int) -> Flow:
    tensor, machine = setup.nest.tensors[number], setup.machine
    stores, part = machine.stores, machine.part
    per_inner = setup.everywhere if inner is None else stores[inner].per
    per_outer = stores[outer].per
    extents = orders.inner if inner is not None else orders.inner[:, :, :1]
    tile = tensor.footprint(extents, setup.within(per_inner))
    union = tensor.footprint(extents, setup.within(per_outer))
    moved = _mover(setup, orders, tensor, inner)
    word_outer = stores[outer].rules.word_bits
    word_inner = 1 if inner is None else stores[inner].rules.word_bits

    def both_ends(outer_bits: Array | float, inner_bits: Array | float) -> tuple[Array, Array]:
        at_outer = moved(_words(union * outer_bits, word_outer)) * setup.units(per_outer)
        return at_outer, moved(_words(tile * inner_bits, word_inner)) * setup.units(per_inner)

    if tensor.slot != "output":
        at_outer, at_inner = both_ends(tensor.bits, tensor.bits)
        nothing = np.zeros_like(at_outer)
        held = tile * tensor.bits
        return Flow(number, inner, outer, at_outer, at_inner, nothing, nothing, (held, held),
                    np.zeros(at_outer.shape, dtype=bool))  # fmt: skip

    every = moved(union)
    first = tensor.footprint(orders.inner[:, :, -1:], setup.within(per_outer))
    partial = (every > first * _SAME) | (_copies(setup, tensor, per_outer) > 1)
    # Units whose sums are added on the way out send and hold partial ones.
    added = partial | (_copies(setup, tensor, per_inner) > 1)
    wide = max(part.partial_bits or tensor.bits, tensor.bits)
    at_outer, at_inner = both_ends(
        np.where(partial, wide, tensor.bits), np.where(added, wide, tensor.bits)
    )
    again = np.where(partial, 1.0 if part.reads_first_partial else 1 - first / every, 0.0)
    return Flow(number, inner, outer, at_outer * again, at_inner * again, at_outer, at_inner,
                (tile * tensor.bits, tile * wide), partial)  # fmt: skip


def _mover(
    setup: Setup, orders: Orders, tensor: Tensor, inner: int | None
) -> Callable[[Array], Array]:
    """A function from the size of a tile at each cut to what crosses in all its fills."""
    if inner is None and (tensor.slot == "output" or not setup.machine.part.holds_inputs):
        return lambda size: size * orders.outer[:, :1]
    relevant = orders.over(tensor.relevant)
    if inner is None:
        # Multipliers hold one element: it is read again when it changes.
        never = relevant.shape[1]
        stay = np.where(relevant.any(axis=1), relevant.argmax(axis=1), never)
        turns = orders.outer[np.arange(len(stay)), stay][:, None]
        return lambda size: size * turns
    # A dilated window keeps less than its span, so the next one is not there yet.
    close = frozenset(s.p for s in tensor.slides if s.dilation == 1)
    sliding = setup.machine.stores[inner].rules.sliding and tensor.slot != "output" and close
    slides = orders.over(close) if sliding else None

    def moved(size: Array) -> Array:
        total = size * orders.outer
        for c in range(size.shape[1] - 2, -1, -1):
            if slides is not None:
                new = size[:, c + 1] * orders.outer[:, c + 1]
                total[:, c] = np.where(slides[:, c], np.minimum(new, total[:, c]), total[:, c])
            np.copyto(total[:, c], total[:, c + 1], where=~relevant[:, c])
        return total

    return moved


def _copies(setup: Setup, tensor: Tensor, per: frozenset[int]) -> float:
    """Instances that hold different terms of the same element."""
    others = [d for d in range(setup.spread.shape[1]) if d not in tensor.relevant]
    return float(np.prod(setup.spread[np.ix_(sorted(per), others)]))


def _words(bits: Array, word: int) -> Array:
    return bits if word == 1 else np.ceil(bits / word * (1 - 1e-12)) * word
