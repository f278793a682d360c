"""Machine: the array and memories of a chip as plain numbers, checked."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from picojoule.chips import Chip, Memory
from picojoule.chips.spatial import Constraint, Level, SpatialPart
from picojoule.cost.spatial.nest import Tensor
from picojoule.errors import ChipError, nearest
from picojoule.graph import Role

__all__ = ["Machine", "Store", "machine_of"]


@dataclass(frozen=True)
class Store:
    """A memory level. Energies in pJ per bit, capacity and bits per cycle of one instance.

    per: indices of the axes that have an instance for each of their units.
    """

    name: str
    per: frozenset[int]
    capacity_bits: float
    bits_per_cycle: float
    read: float
    write: float
    fill: float
    drain: float
    rules: Level
    memory: Memory


@dataclass(frozen=True)
class Machine:
    """stores: outermost first. sizes: units along each axis. clock_hz: cycles per second."""

    name: str
    stores: tuple[Store, ...]
    axes: tuple[str, ...]
    sizes: tuple[int, ...]
    clock_hz: float
    part: SpatialPart

    @property
    def constraint(self) -> Constraint:
        """What the chip's dataflow allows."""
        return self.part.dataflow

    def chain(self, tensor: Tensor) -> tuple[int, ...]:
        """The stores that `tensor` passes through, innermost first.

        Those that serve its role, and those that serve its place in the array: of two activations,
        one sits in the weight registers. Data that stays on the chip doesn't reach the outermost
        store, if there is another.
        """
        words = (tensor.role, tensor.slot)
        served = [i for i, s in enumerate(self.stores) if any(map(s.memory.serves, words))]
        if not served:
            what = f"no memory of chip {self.name!r} serves {tensor.role.value} data"
            raise ChipError(what, fix="add the role to a [[memory]], or leave its roles out")
        inner = served[1:] if tensor.on_chip and len(served) > 1 else served
        return tuple(reversed(inner))


def machine_of(chip: Chip) -> Machine:
    """The numbers of a chip's [spatial] part.

    Raises ChipError for a chip without one, for a level or axis that doesn't exist, and for a
    hierarchy that is listed twice or isn't sorted outermost first.
    """
    part = chip.spatial
    if part is None:
        raise ChipError(
            f"chip {chip.name!r} has no [spatial] part", fix="see docs/spatial.md, or use Roofline"
        )
    axes = tuple(part.axes)
    for axis, size in part.axes.items():
        if size < 1:
            raise ChipError(f"axis {axis!r} of chip {chip.name!r} has no units", got=size)
    for name in _levels_named(part):
        _known(name, [m.name for m in chip.memory], f"memory of chip {chip.name!r}")
    for name in _axes_named(part):
        _known(name, axes, f"axis of chip {chip.name!r}")
    stores = tuple(_store(m, part, axes) for m in chip.memory)
    _check_sorted(chip.name, stores)
    sizes = tuple(part.axes.values())
    return Machine(chip.name, stores, axes, sizes, part.clock_hz.value, part)


def _levels_named(part: SpatialPart) -> Iterator[str]:
    yield from part.level
    yield from part.dataflow.even
    yield from part.dataflow.inside
    yield from part.dataflow.outside


def _axes_named(part: SpatialPart) -> Iterator[str]:
    yield from part.dataflow.unroll
    for level in part.level.values():
        yield from level.per


def _known(name: str, known: list[str] | tuple[str, ...], what: str) -> None:
    if name not in known:
        raise ChipError(f"{name!r} in [spatial] is no {what}", fix=nearest(name, known))


def _store(memory: Memory, part: SpatialPart, axes: tuple[str, ...]) -> Store:
    rules = part.level.get(memory.name, Level())
    if rules.word_bits < 1:
        raise ChipError(f"word_bits of {memory.name!r} is not possible", got=rules.word_bits)
    fill, drain = rules.fill_pj_per_bit, rules.drain_pj_per_bit
    rate = memory.bandwidth_b_s.value * memory.efficiency.value * 8 / part.clock_hz.value
    return Store(
        name=memory.name,
        per=frozenset(axes.index(a) for a in rules.per),
        capacity_bits=memory.capacity_bytes.value * 8,
        bits_per_cycle=rate,
        read=memory.read_pj_per_bit.value,
        write=memory.write_pj_per_bit.value,
        fill=fill.value if fill else 0.0,
        drain=drain.value if drain else 0.0,
        rules=rules,
        memory=memory,
    )


def _check_sorted(chip: str, stores: tuple[Store, ...]) -> None:
    """Each role's levels: named once, shared ones outside, larger ones outside."""
    names = [s.name for s in stores]
    if twice := {n for n in names if names.count(n) > 1}:
        raise ChipError(f"the hierarchy of chip {chip!r} comes back to {min(twice)!r}",
                        got=names, expected="each memory once, outermost first")  # fmt: skip
    for role in Role:
        served = [s for s in stores if s.memory.serves(role)]
        for outer, inner in itertools.pairwise(served):
            if not outer.per <= inner.per or outer.capacity_bits < inner.capacity_bits:
                raise ChipError(
                    f"the hierarchy of chip {chip!r} is not sorted: {outer.name!r} can't stand "
                    f"outside of {inner.name!r} for {role.value} data",
                    got=_sizes(outer, inner),
                    expected="the larger and more shared one first",
                )
        if served and served[0].per:
            what = f"{served[0].name!r} is the outermost memory of {role.value} data"
            raise ChipError(f"{what} on chip {chip!r}, but has several instances",
                            fix="list a shared memory before it")  # fmt: skip


def _sizes(*stores: Store) -> str:
    each = (f"{s.name} {s.capacity_bits / 8:g} B{' each' if s.per else ''}" for s in stores)
    return ", ".join(each)
