"""What one run of an op asks of event-driven hardware, from the formats and densities of a graph.

A contraction's first activation operand decides: uint1 or ternary, and its density is a spike rate
that counts; an integer of a few bits comes as graded events, of which zeros don't; anything else
is multiplied in full. An elementwise op with a state operand is a population of neurons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from picojoule.cost.event.look import SPIKE_LEVELS, DataClass, Seen, class_of
from picojoule.cost.units import CONTRACTIONS
from picojoule.errors import InputError, nearest
from picojoule.formats import Format, Int
from picojoule.graph import Graph, Kind, Op, Operand, Role
from picojoule.graph.count import macs

__all__ = ["Product", "is_neuron", "product", "spiking", "with_seen"]


@dataclass(frozen=True, slots=True)
class Product:
    """One run of a contraction. data, other: the operand that may spike, and what it meets.

    operations: additions, graded or full multiply-accumulates, as `kind` says. events: unit
    spikes or graded events that enter.
    """

    data: Operand
    other: Operand
    kind: DataClass
    operations: float
    events: float


def product(op: Op) -> Product | None:
    """What a contraction does with its inputs; None for any other op.

    Raises InputError, with the op's name, for a density outside of 0 to 1, less than one run, or
    a contraction of fewer than two operands.
    """
    if op.kind not in CONTRACTIONS:
        return None
    read = [o for o in op.operands if o.role is not Role.OUTPUT]
    if len(read) < 2 or op.repeat < 1:
        raise InputError("not a contraction of two operands that runs", where=op.name)
    data = next((o for o in read if o.role is not Role.WEIGHT), read[0])
    other = next(o for o in read if o is not data)
    kind = _kind(data.format)
    share = 1.0 if kind is DataClass.REAL else _density(op, data)
    return Product(data, other, kind, share * macs(op) / op.repeat, share * op.elements(data))


def is_neuron(op: Op) -> bool:
    """Whether `op` updates a population of neurons: elementwise, with a state."""
    return op.kind is Kind.ELEMENTWISE and any(o.role is Role.STATE for o in op.operands)


def spiking(graph: Graph) -> tuple[Op, ...]:
    """Contractions whose input is binary."""
    found = ((op, product(op)) for op in graph.ops)
    return tuple(op for op, p in found if p is not None and p.kind is DataClass.BINARY)


def with_seen(graph: Graph, seen: Mapping[str, Seen]) -> Graph:
    """`graph` with what was seen of the inputs of the contractions named.

    Integers of a few levels D are unrolled into D steps of unit spikes, as hardware with binary
    spikes would run them, so their additions are those that were seen. Raises InputError for a
    name that is no contraction of the graph.
    """
    known = {op.name for op in graph.ops if op.kind in CONTRACTIONS}
    if unknown := sorted(seen.keys() - known):
        raise InputError(f"no contraction is called {unknown[0]!r}", fix=nearest(unknown[0], known))
    return graph.with_ops(tuple(_seen(op, seen.get(op.name)) for op in graph.ops))


def _seen(op: Op, seen: Seen | None) -> Op:
    found = product(op)
    if seen is None or found is None:
        return op
    unrolled = seen.kind is DataClass.INTEGER and not seen.multiplies
    steps = seen.levels if unrolled else 1
    fmt: Format = Int(1, signed=False) if unrolled else seen.format
    density = seen.mean / steps if unrolled else seen.density
    changed = replace(found.data, format=fmt, density=density)
    operands = tuple(changed if o is found.data else o for o in op.operands)
    return replace(op, operands=operands, repeat=op.repeat * steps)


def _kind(fmt: Format) -> DataClass:
    kind = class_of(fmt)
    wide = isinstance(fmt, Int) and fmt.bits > SPIKE_LEVELS.bit_length()
    return DataClass.REAL if wide else kind


def _density(op: Op, operand: Operand) -> float:
    if not 0 <= operand.density <= 1:
        raise InputError(
            "a density is a share", where=op.name, got=operand.density, expected="0 to 1"
        )
    return operand.density
