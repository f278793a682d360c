"""Cuts: which loops each level holds, for every loop order at once.

Traffic never grows when a level holds more loops, so only choices in which no operand of a level
could hold more are worth a look. A level of one operand then has one choice. A shared level has
one per way to divide its room. Levels are filled from the outermost inward, and a level never
holds more loops than the level outside of it; with the two facts above no better choice is left
out. What a level holds of the output is narrower when no partial sum comes from inside: both
cases are followed, and the narrow one asks the inner level to hold all loops of the sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from picojoule.cost.spatial.machine import Store
from picojoule.cost.spatial.reuse import Flow, Orders, Setup
from picojoule.ledger import Array

__all__ = ["Choices", "best_cuts", "held_least", "room_taken"]

_OUTPUT = 2  # index of the output among a nest's tensors
_FITS = 1 + 1e-9  # products of the same factors in another order


@dataclass(frozen=True)
class Choices:
    """Mappings, one per row. order: row of the loop orders. cuts: (rows, flows), 0 for the
    multipliers. most: (rows, tensors), loops that the next level inside may hold. least: (rows,),
    loops of the output that it must hold."""

    order: Array
    cuts: Array
    most: Array
    least: Array

    def take(self, rows: Array) -> Choices:
        """The choices at these row numbers."""
        return Choices(self.order[rows], self.cuts[rows], self.most[rows], self.least[rows])

    def __add__(self, other: Choices) -> Choices:
        pairs = zip(self._parts(), other._parts(), strict=True)
        return Choices(*(np.concatenate(pair) for pair in pairs))

    def _parts(self) -> tuple[Array, ...]:
        return self.order, self.cuts, self.most, self.least


def best_cuts(setup: Setup, orders: Orders, moved: Sequence[Flow]) -> Choices:
    """Every division of the levels that can't hold more, of every order that fits."""
    count, loops = orders.dim.shape
    state = Choices(
        np.arange(count),
        np.zeros((count, len(moved)), dtype=np.intp),
        np.full((count, len(setup.nest.tensors)), loops),
        np.zeros(count, dtype=np.intp),
    )
    for number, store in enumerate(setup.machine.stores):
        here = [i for i, f in enumerate(moved) if f.inner == number]
        if here:
            state = _fill_level(setup, orders, moved, here, store, state)
    return state.take(np.flatnonzero(state.least <= 0))


def _fill_level(
    setup: Setup, orders: Orders, moved: Sequence[Flow], here: list[int], store: Store, s: Choices
) -> Choices:
    held = held_least(setup, orders, store)
    most = np.minimum(s.most, _held_most(setup, orders, store)[s.order][:, None])
    tensors = [moved[i].tensor for i in here]
    s = replace(s, most=np.where(np.isin(np.arange(s.most.shape[1]), tensors), most, s.most))
    even = store.name in setup.machine.constraint.even
    output = next((i for i in here if moved[i].tensor == _OUTPUT), None)
    wide = _divide(s, moved, here, store, held, even=even, partial=True)
    if output is None:
        return wide
    # The flow before an output's own brings what this level holds: narrow if never partial.
    whole = moved[output - 1].partial.sum(axis=1)
    narrow = _divide(s, moved, here, store, held, even=even, partial=False)
    least = whole[narrow.order]
    narrow = replace(narrow, least=least)
    wide = replace(wide, least=np.zeros_like(wide.least))
    return wide + narrow.take(np.flatnonzero(least <= narrow.most[:, _OUTPUT]))


def held_least(setup: Setup, orders: Orders, store: Store) -> Array:
    """(orders,): loops that `store` has to hold, since others may not turn outside of it."""
    kept = _forbidden(setup, orders, setup.machine.constraint.outside.get(store.name))
    last = kept.shape[1] - kept[:, ::-1].argmax(axis=1)
    least: Array = np.where(kept.any(axis=1), last, 0)
    return least


def _held_most(setup: Setup, orders: Orders, store: Store) -> Array:
    """(orders,): loops that `store` may hold, since others may not turn inside of it."""
    barred = _forbidden(setup, orders, setup.machine.constraint.inside.get(store.name))
    most: Array = np.where(barred.any(axis=1), barred.argmax(axis=1), barred.shape[1])
    return most


def _forbidden(setup: Setup, orders: Orders, allowed: tuple[str, ...] | None) -> Array:
    """(orders, loops): loops over other dims than `allowed`; None allows them all."""
    if allowed is None:
        return np.zeros(orders.dim.shape, dtype=bool)
    others = frozenset(range(orders.dims)) - frozenset(setup.nest.select(allowed))
    return orders.over(others)


def room_taken(flow: Flow, store: Store, *, partial: bool) -> Array:
    """(orders, cuts): bits that a tile takes in one instance of its level."""
    tile = flow.tile[int(partial)]
    if store.rules.buffering != "double":
        return tile
    doubled: Array = np.where(tile < tile[:, -1:], 2 * tile, tile)
    return doubled


def _divide(
    s: Choices, moved: Sequence[Flow], here: list[int], store: Store, held: Array,
    *, even: bool, partial: bool,
) -> Choices:  # fmt: skip
    """All ways to divide the room of `store` among the tensors that pass through it."""
    sizes = [room_taken(moved[i], store, partial=partial) for i in here]
    tensors = [moved[i].tensor for i in here]
    if even:
        sizes = [np.add.reduce(sizes)]
        most = s.most[:, tensors].min(axis=1)
        columns = [most]
    else:
        columns = [s.most[:, t] for t in tensors]
    rows, cuts = _maximal(s.order, sizes, columns, store.capacity_bits * _FITS)
    if even:
        cuts = [cuts[0]] * len(here)
    s = s.take(rows)
    chosen, most = s.cuts.copy(), s.most.copy()
    keep = np.ones(len(rows), dtype=bool)
    for i, tensor, cut in zip(here, tensors, cuts, strict=True):
        chosen[:, i] = most[:, tensor] = cut
        keep &= cut >= held[s.order]
        if tensor == _OUTPUT:
            keep &= cut >= s.least
    return replace(s, cuts=chosen, most=most).take(np.flatnonzero(keep))


def _maximal(
    order: Array, sizes: list[Array], most: list[Array], room: float
) -> tuple[Array, list[Array]]:
    """Row numbers and cuts: all but the last tensor at every cut, the last as large as fits."""
    rows, left = np.arange(len(order)), np.full(len(order), room)
    cuts: list[Array] = []
    cut_numbers = np.arange(sizes[0].shape[1])
    for size, limit in zip(sizes[:-1], most[:-1], strict=True):
        after = left[:, None] - size[order[rows]]
        row, cut = np.nonzero((after >= 0) & (cut_numbers <= limit[rows][:, None]))
        rows, left, cuts = rows[row], after[row, cut], [*(c[row] for c in cuts), cut]
    fits = (sizes[-1][order[rows]] <= left[:, None]) & (cut_numbers <= most[-1][rows][:, None])
    last = fits.shape[1] - 1 - fits[:, ::-1].argmax(axis=1)
    left = left - sizes[-1][order[rows], last]
    keep = fits.any(axis=1)
    for size, limit, cut in zip(sizes[:-1], most[:-1], cuts, strict=True):
        # A tensor that could take one loop more makes the row worse than another row.
        more = np.minimum(cut + 1, size.shape[1] - 1)
        extra = size[order[rows], more] - size[order[rows], cut]
        keep &= (cut >= limit[rows]) | (extra > left)
    picked = np.flatnonzero(keep)
    return rows[picked], [c[picked] for c in (*cuts, last)]
