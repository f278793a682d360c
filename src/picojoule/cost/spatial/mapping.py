"""Mapping: one way to run a nest on a machine, and what it costs, replayed exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from picojoule.cost.spatial.cuts import Choices, room_taken
from picojoule.cost.spatial.machine import Machine
from picojoule.cost.spatial.nest import Nest
from picojoule.cost.spatial.orders import orders_of
from picojoule.cost.spatial.reuse import Flow, Orders, Setup, flows
from picojoule.cost.spatial.score import score
from picojoule.errors import InputError, nearest
from picojoule.ledger import Array

__all__ = ["Access", "Cost", "Mapping", "replay"]


@dataclass(frozen=True)
class Mapping:
    """spread: (axis, dim, units) of the array. loops: (dim, turns), innermost first. held: for
    each tensor, the number of innermost loops that each level holds, innermost level first; the
    outermost level holds them all and is left out."""

    spread: tuple[tuple[str, str, float], ...]
    loops: tuple[tuple[str, float], ...]
    held: dict[str, tuple[int, ...]]

    def __str__(self) -> str:
        """The loop nest, outermost first, with the levels whose tile ends below each loop."""
        lines = [f"spread {axis}: {dim} {units:g}" for axis, dim, units in self.spread]
        for i in range(len(self.loops) - 1, -1, -1):
            dim, turns = self.loops[i]
            ends = [f"{t}{n}" for t, cuts in self.held.items() for n, c in enumerate(cuts) if c > i]
            lines.append(f"for {dim} in {turns:g}" + (f"  held: {' '.join(ends)}" if ends else ""))
        return "\n".join(lines)


@dataclass(frozen=True)
class Access:
    """Bits of one tensor at one level: read for the inside, written from inside, filled from
    outside, drained to outside."""

    level: str
    tensor: str
    read_bits: float
    write_bits: float
    fill_bits: float
    drain_bits: float


@dataclass(frozen=True)
class Cost:
    """What one run of a mapping costs. energy_pj: of the memories, without the multipliers.
    cycles: all; busy: of the array and of each level's busiest port."""

    macs: int
    energy_pj: float
    cycles: float
    busy: dict[str, float]
    accesses: tuple[Access, ...]

    @property
    def bound(self) -> str:
        """The array or level that the cycles are those of."""
        return max(self.busy, key=lambda name: self.busy[name])


def replay(nest: Nest, machine: Machine, mapping: Mapping) -> Cost:
    """The cost of exactly this mapping.

    Raises InputError for a mapping that doesn't cover the nest, and for one that doesn't fit:
    with the level, its bytes and those needed.
    """
    setup, orders = _parse(nest, machine, mapping)
    moved = flows(setup, orders)
    chosen = _chosen(setup, moved, mapping)
    _check_room(setup, orders, moved, chosen)
    scores = score(setup, orders, moved, chosen)
    names = ("array", *(s.name for s in machine.stores))
    busy = dict(zip(names, scores.busy[0].tolist(), strict=True))
    return Cost(
        nest.macs, float(scores.energy_pj[0]), float(scores.cycles[0]), busy,
        tuple(_accesses(setup, moved, chosen)),
    )  # fmt: skip


def _parse(nest: Nest, machine: Machine, mapping: Mapping) -> tuple[Setup, Orders]:
    spread = np.ones((len(machine.axes), len(nest.names)))
    for axis, dim, units in mapping.spread:
        spread[_index(axis, machine.axes, "axis"), _index(dim, nest.names, "dim")] *= units
    for axis, size, units in zip(machine.axes, machine.sizes, spread.prod(axis=1), strict=True):
        if units > size * (1 + 1e-9):
            what = f"the mapping spreads over more units than axis {axis!r} has"
            raise InputError(what, got=f"{units:g}", expected=f"at most {size}")
    loops = [(_index(dim, nest.names, "dim"), float(turns)) for dim, turns in mapping.loops]
    orders = orders_of([loops or [(0, 1.0)]], len(nest.names))
    covered = orders.inner[:, 0, -1] * spread.prod(axis=0)
    for name, extent, got in zip(nest.names, nest.extents, covered, strict=True):
        if abs(got - extent) > 1e-6 * extent:
            raise InputError("the mapping doesn't cover a dim", where=name,
                             got=f"{got:g} turns", expected=extent)  # fmt: skip
    return Setup(nest, machine, spread), orders


def _index(name: str, known: Sequence[str], what: str) -> int:
    if name not in known:
        raise InputError(f"the mapping names {what} {name!r}", fix=nearest(name, known))
    return list(known).index(name)


def _chosen(setup: Setup, moved: list[Flow], mapping: Mapping) -> Choices:
    """The mapping as the only row of Choices."""
    cuts = np.zeros((1, len(moved)), dtype=np.intp)
    for number, tensor in enumerate(setup.nest.tensors):
        mine = [i for i, f in enumerate(moved) if f.tensor == number and f.inner is not None]
        held = mapping.held.get(tensor.slot, ())
        ordered = all(a <= b for a, b in zip((0, *held), (*held, len(mapping.loops)), strict=True))
        if len(held) != len(mine) or not ordered:
            raise InputError(
                f"held of {tensor.slot!r} is not possible", got=held,
                expected=f"{len(mine)} numbers that don't fall, at most {len(mapping.loops)}",
            )  # fmt: skip
        cuts[0, mine] = held
    return Choices(np.zeros(1, dtype=np.intp), cuts, np.zeros((1, 3)), np.zeros(1))


def _check_room(setup: Setup, orders: Orders, moved: list[Flow], chosen: Choices) -> None:
    for number, store in enumerate(setup.machine.stores):
        here = [i for i, f in enumerate(moved) if f.inner == number]
        cuts = chosen.cuts[0, here]
        bits = sum(
            room_taken(moved[i], store, partial=_partial_inside(moved, chosen, i))[0, cut]
            for i, cut in zip(here, cuts, strict=True)
        )
        if bits > store.capacity_bits * (1 + 1e-9):
            raise InputError(
                f"the mapping doesn't fit in {store.name!r}",
                got=f"tiles of {bits / 8:,.0f} bytes", expected=f"{store.capacity_bits / 8:,.0f}",
                fix="let it hold fewer loops",
            )  # fmt: skip


def _partial_inside(moved: list[Flow], chosen: Choices, i: int) -> bool:
    """Whether the flow inside of flow i, of the same tensor, brings partial sums."""
    before = i - 1
    return bool(moved[before].partial[0, chosen.cuts[0, before]])


def _accesses(setup: Setup, moved: list[Flow], chosen: Choices) -> list[Access]:
    """One row per level and tensor, outermost level first."""
    bits: dict[tuple[int, int], Array] = {}
    for i, flow in enumerate(moved):
        at = (0, chosen.cuts[0, i])
        outer = bits.setdefault((flow.outer, flow.tensor), np.zeros(4))
        outer[:2] += flow.in_outer[at], flow.out_outer[at]
        if flow.inner is not None:
            bits[flow.inner, flow.tensor][2:] += flow.in_inner[at], flow.out_inner[at]
    stores, tensors = setup.machine.stores, setup.nest.tensors
    return [Access(stores[s].name, tensors[t].slot, *map(float, b))
            for (s, t), b in sorted(bits.items(), key=lambda item: item[0])]  # fmt: skip
