"""Search: the best mapping of a nest on a machine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from picojoule.cost.spatial.cuts import best_cuts, held_least, room_taken
from picojoule.cost.spatial.machine import Machine
from picojoule.cost.spatial.mapping import Mapping
from picojoule.cost.spatial.nest import Nest
from picojoule.cost.spatial.orders import (
    Loop,
    all_orders,
    expand,
    loops_of,
    merged,
    moves,
    orders_of,
    random_orders,
)
from picojoule.cost.spatial.reuse import Flow, Orders, Setup, flows
from picojoule.cost.spatial.score import OBJECTIVES, score
from picojoule.cost.spatial.spread import spreads
from picojoule.errors import InputError, nearest
from picojoule.ledger import Array

__all__ = ["Effort", "Found", "best_mapping"]

_CHUNK = 4096  # orders at a time, so that their arrays stay in a core's cache


@dataclass(frozen=True)
class Effort:
    """How far to search. loops: at most this many are put in every order (exhaustive where the
    nest has no more of them). samples: random orders of all prime factors, where it has more.
    spreads: unrollings that are tried, the busiest first. starts: of the best of each, how many
    are refined by moving or swapping loops; 0 for none."""

    loops: int = 6
    samples: int = 2000
    spreads: int = 8
    starts: int = 3


@dataclass(frozen=True)
class Found:
    """The best mapping, its value in the objective (pJ, cycles or their product), and how many
    mappings were scored."""

    mapping: Mapping
    value: float
    scored: int


@dataclass(frozen=True)
class _Best:
    """A candidate: value, loops, and the cut of each flow."""

    value: float
    setup: Setup
    loops: list[Loop]
    cuts: Array
    moved: list[Flow]


def best_mapping(
    nest: Nest,
    machine: Machine,
    objective: str = "energy",
    *,
    mac_pj: float = 0.0,
    effort: Effort | None = None,
) -> Found:
    """The mapping with the least energy, latency or product of both ("edp").

    mac_pj: energy of one multiply-accumulate, which matters to edp alone. Raises InputError for
    an objective that isn't one, and where nothing fits: with the level, and what it would need.
    """
    if objective not in OBJECTIVES:
        raise InputError(f"unknown objective {objective!r}", fix=nearest(objective, OBJECTIVES))
    effort = effort or Effort()
    search = _Search(nest, machine, objective, mac_pj * nest.macs)
    found: list[_Best] = []
    for spread in spreads(nest, machine, effort.spreads):
        setup = Setup(nest, machine, spread)
        loops = loops_of(setup)
        few = merged(loops, effort.loops)
        scanned = [search.scan(setup, all_orders(setup, few))]
        if len(few) < len(loops):
            scanned.append(search.scan(setup, random_orders(setup, loops, effort.samples)))
        found += [best for best in scanned if best]
    if not found:
        raise _no_room(Setup(nest, machine, spreads(nest, machine, 1)[0]))
    found.sort(key=lambda b: b.value)
    best = min((search.refine(b) for b in found[: effort.starts]), key=lambda b: b.value,
               default=found[0])  # fmt: skip
    return Found(_mapping(best), best.value, search.scored)


class _Search:
    """Scans orders, and counts what it scored."""

    def __init__(self, nest: Nest, machine: Machine, objective: str, mac_pj: float) -> None:
        self.nest, self.machine = nest, machine
        self.objective, self.mac_pj = objective, mac_pj
        self.scored = 0

    def scan(self, setup: Setup, orders: Orders) -> _Best | None:
        """The best division of the best of `orders`; None where none fits."""
        parts = (orders.take(i, i + _CHUNK) for i in range(0, len(orders.dim), _CHUNK))
        found = [best for part in parts if (best := self._scan(setup, part))]
        return min(found, key=lambda b: b.value, default=None)

    def _scan(self, setup: Setup, orders: Orders) -> _Best | None:
        orders = _stationary(setup, orders)
        moved = flows(setup, orders)
        chosen = best_cuts(setup, orders, moved)
        if len(chosen.order) == 0:
            return None
        self.scored += len(chosen.order)
        values = score(setup, orders, moved, chosen).by(self.objective, self.mac_pj)
        row = int(values.argmin())
        order = chosen.order[row]
        loops = list(zip(orders.dim[order].tolist(), orders.factor[order].tolist(), strict=True))
        return _Best(float(values[row]), setup, loops, chosen.cuts[row], moved)

    def refine(self, best: _Best) -> _Best:
        """Move or swap prime factors while that helps."""
        loops = expand(best.loops)
        while True:
            better = self.scan(best.setup, orders_of(moves(loops), len(self.nest.names)))
            if better is None or better.value >= best.value * (1 - 1e-9):
                return best
            best, loops = better, better.loops


def _stationary(setup: Setup, orders: Orders) -> Orders:
    """The orders in which every loop that doesn't index the stationary operand is inside."""
    slot = setup.machine.constraint.stationary
    if slot is None:
        return orders
    tensor = next(t for t in setup.nest.tensors if t.slot == slot)
    relevant = orders.over(tensor.relevant)
    outside = np.logical_or.accumulate(relevant, axis=1)
    keep = ((outside == relevant) | (orders.factor == 1)).all(axis=1)
    return Orders(orders.dim[keep], orders.factor[keep], orders.dims)


def _mapping(best: _Best) -> Mapping:
    setup = best.setup
    axes, names = setup.machine.axes, setup.nest.names
    held = {
        tensor.slot: tuple(
            int(cut)
            for flow, cut in zip(best.moved, best.cuts, strict=True)
            if flow.tensor == number and flow.inner is not None
        )
        for number, tensor in enumerate(setup.nest.tensors)
    }
    spread = tuple(
        (axes[a], names[d], float(setup.spread[a, d])) for a, d in np.argwhere(setup.spread > 1)
    )
    return Mapping(spread, tuple((names[d], f) for d, f in best.loops), held)


def _no_room(setup: Setup) -> InputError:
    """Names the first level that can't hold even the smallest tiles."""
    orders = all_orders(setup, merged(loops_of(setup), 6))
    moved = flows(setup, orders)
    for number, store in enumerate(setup.machine.stores):
        here = [f for f in moved if f.inner == number]
        least = held_least(setup, orders, store)
        rows = np.arange(len(least))
        need = sum(room_taken(f, store, partial=True)[rows, least] for f in here)
        bits = float(np.min(need)) if here else 0.0
        if bits > store.capacity_bits:
            return InputError(
                f"no mapping fits: {store.name!r} is too small",
                got=f"{store.capacity_bits / 8:,.0f} bytes",
                expected=f"at least {bits / 8:,.0f} bytes for the smallest tiles",
                fix="a larger level, or fewer dims that must stay inside of it",
            )
    return InputError(f"no mapping on {setup.machine.name!r} meets its dataflow's constraints")
