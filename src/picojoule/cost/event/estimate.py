"""The estimator of chips with an [event] part: joules of spikes, beside those of real numbers.

| component | count | level | operand |
|---|---|---|---|
| ac | synaptic operations: one addition per spike and synapse | event unit | weights' format |
| mac | multiply-accumulates of integer and real inputs | contraction unit | format computed in |
| neuron, vector | neuron updates, other elementwise operations | vector unit | format |
| read, write | bytes of weights, state, spikes and activations | memory level | role |
| address, route | synaptic operations, spikes × hops | network | |
| static | seconds | chip | |

Weights of additions are fetched once per synaptic operation, since events come in any order;
weights of multiply-accumulates once per run: a convolution uses each in all of its positions. An
action that the chip's [event] part neither prices
nor says to be held by another number is UNAVAILABLE. Products follow each other; a time step lasts
at least `step_s`. Outputs of contractions go straight to the neurons that add them up.

Not modelled: launches, contention, the placement of neurons on cores, input from sensors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from picojoule.chips.chip import Chip, Memory
from picojoule.chips.event import Action, EventPart
from picojoule.cost.event.look import DataClass
from picojoule.cost.event.work import Product, is_neuron, product
from picojoule.cost.interval import NOTHING, Interval
from picojoule.cost.rows import op_row
from picojoule.cost.units import Choice, carrier, choose, computed_in
from picojoule.errors import ChipError
from picojoule.formats import Format
from picojoule.graph import Graph, Kind, Op, Operand, Role
from picojoule.graph.count import vector_ops
from picojoule.ledger import Ledger, Row
from picojoule.quantity import Evidence

__all__ = ["Events"]

_NAN = float("nan")
_UNKNOWN = Interval(_NAN, _NAN, _NAN, Evidence.UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class Events:
    """Prices a graph by what its data is: binary, integer or real."""

    def estimate(self, graph: Graph, chip: Chip) -> Ledger:
        """Predict joules and seconds of `graph` on `chip`; an op's time steps are its `repeat`.

        Raises ChipError for a chip without an [event] part or with one that names no memory
        level, and InputError, with the op's name, for a density that is no share.
        """
        pricer = _Pricer.of(chip)
        work = [(op, list(pricer.rows(op))) for op in graph.ops]
        rows = [row for _, found in work for row in found] + list(pricer.static(work))
        meta = {
            "model": graph.name,
            "chip": chip.name,
            "chip_hash": chip.hash,
            "method": "event",
            "graph_notes": list(graph.notes),
            "notes": list(dict.fromkeys(pricer.notes(graph))),
            "uncounted": [op.name for op in graph.uncounted],
        }
        return Ledger.of(rows, **meta)


@dataclass(frozen=True, slots=True)
class _Pricer:
    chip: Chip
    part: EventPart

    @classmethod
    def of(cls, chip: Chip) -> _Pricer:
        if chip.event is None:
            fix = "see docs/event.md, or use the roofline"
            raise ChipError(f"chip {chip.name!r} has no [event] part", fix=fix)
        levels = {m.name for m in chip.memory}
        for key in ("weights", "state", "spikes"):
            name = getattr(chip.event, key)
            if name is not None and name not in levels:
                raise ChipError(
                    f"[event] {key} of chip {chip.name!r} is no memory level",
                    got=repr(name),
                    expected=" or ".join(sorted(levels)),
                )
        return cls(chip, chip.event)

    def rows(self, op: Op) -> Iterator[Row]:
        """Rows of all runs of one op, without its static power."""
        if (found := product(op)) is not None:
            yield from (
                self._adds(op, found) if found.kind is DataClass.BINARY else self._macs(op, found)
            )
        elif is_neuron(op):
            yield from self._neurons(op)
        elif op.kind is Kind.CUSTOM:
            yield op_row(op, "vector", "unknown", _NAN, _UNKNOWN, "unknown")
        else:
            yield from self._vectors(op)

    def _adds(self, op: Op, p: Product) -> Iterator[Row]:
        """Spikes: additions, and what brings each spike and each weight there."""
        n = p.operations * op.repeat
        wanted = carrier(p.other.format)
        yield self._work(op, "ac", n, choose(self.chip, "event", wanted), wanted)
        fetched_b = n * _bits(op, p.other) / 8
        yield from self._moved(op, "weight", self.part.weights, "read", fetched_b, p.other.role)
        yield from self._action(op, "address", n)
        if self.part.spikes is not None:
            stored_b = op.bytes_of(p.data) * op.repeat
            yield self._bytes(op, self.part.spikes, "read", stored_b, p.data.role)
        else:
            yield from self._action(op, "route", p.events * op.repeat)

    def _macs(self, op: Op, p: Product) -> Iterator[Row]:
        """Integers and real numbers: multiply-accumulates, operands read once per run, unless
        the unit's energy holds their delivery."""
        wanted = computed_in(op)
        choice = choose(self.chip, "contraction", wanted)
        yield self._work(op, "mac", p.operations * op.repeat, choice, wanted)
        for operand in (p.data, p.other):
            read_b = op.bytes_of(operand) * op.repeat
            yield from self._moved(op, "weight", self.part.weights, "read", read_b, operand.role)

    def _neurons(self, op: Op) -> Iterator[Row]:
        state = next(o for o in op.operands if o.role is Role.STATE)
        wanted = carrier(state.format)
        choice = choose(self.chip, "vector", wanted)
        yield self._work(op, "neuron", op.extent(tuple(op.dims)) * op.repeat, choice, wanted)
        held_b = op.bytes_of(state) * op.repeat
        for component in ("read", "write"):
            yield from self._moved(op, "state", self.part.state, component, held_b, Role.STATE)
        yield from self._outputs(op)

    def _vectors(self, op: Op) -> Iterator[Row]:
        if work := vector_ops(op):
            wanted = computed_in(op)
            yield self._work(op, "vector", work, choose(self.chip, "vector", wanted), wanted)
        yield from self._outputs(op)

    def _outputs(self, op: Op) -> Iterator[Row]:
        """Results are written where the next layer reads them, unless spikes are routed."""
        level = self.part.spikes
        for o in op.operands:
            if level is not None and o.role is Role.OUTPUT and not o.on_chip:
                yield self._bytes(op, level, "write", op.bytes_of(o) * op.repeat, o.role)

    def _work(self, op: Op, component: str, n: float, choice: Choice | None, fmt: Format) -> Row:
        if choice is None:
            return op_row(op, component, "none", n, _UNKNOWN if n else NOTHING, fmt.name)
        done = n * choice.passes
        busy = Interval.quotient(done, choice.peak_op_s, choice.unit.efficiency.dense)
        energy = Interval.of(choice.pj, done * 1e-12)
        return op_row(op, component, choice.unit.name, n, energy, choice.format, busy)

    def _moved(
        self, op: Op, action: Action, level: str | None, component: str, size_b: float, role: Role
    ) -> Iterator[Row]:
        """Bytes at a level, nothing where another number holds them, or a missing joule."""
        if level is not None:
            yield self._bytes(op, level, component, size_b, role)
        elif action not in self.part.within:
            yield op_row(op, component, "unknown", size_b, _UNKNOWN, role.value)

    def _bytes(self, op: Op, level: str, component: str, size_b: float, role: Role) -> Row:
        memory: Memory = next(m for m in self.chip.memory if m.name == level)
        unit = memory.write_pj_per_bit if component == "write" else memory.read_pj_per_bit
        return op_row(op, component, level, size_b, Interval.of(unit, 8e-12 * size_b), role.value)

    def _action(self, op: Op, action: Action, n: float) -> Iterator[Row]:
        """Addressing, and routing over the mean number of hops."""
        if action in self.part.within:
            return
        unit = self.part.pj.get(action)
        hops = self.part.hops if action == "route" else None
        energy = _UNKNOWN
        if unit is not None:
            energy = Interval.of(unit, n * 1e-12)
            energy = energy if hops is None else energy.times(Interval.of(hops))
        yield op_row(op, action, "network", n * (hops.value if hops else 1.0), energy)

    def static(self, work: list[tuple[Op, list[Row]]]) -> Iterator[Row]:
        """Static power while each op runs; for how much longer a step lasts, on the last op."""
        idle, total = Interval.of(self.chip.idle_w), NOTHING
        for op, rows in work:
            took = _time(rows)
            total = total.plus(took)
            if took.value > 0:
                yield op_row(op, "static", "chip", took.value, idle.times(took), "work")
        if self.part.step_s is not None and work:
            steps = max(op.repeat for op, _ in work)
            wait = _rest(Interval.of(self.part.step_s, float(steps)), total)
            yield op_row(work[-1][0], "static", "chip", wait.value, idle.times(wait), "step", wait)

    def notes(self, graph: Graph) -> Iterator[str]:
        """What a reader should know about the numbers."""
        yield f"a synaptic operation on {self.chip.name}: {self.part.definition}"
        for op in graph.ops:
            p = product(op)
            if p is None or p.kind is DataClass.BINARY:
                continue
            yield f"{op.name}: {p.kind} inputs in {p.data.format.name} are multiplied"
            if choose(self.chip, "contraction", computed_in(op)) is None:
                yield f"{self.chip.name} has no multiplier for {computed_in(op).name}: not priced"


def _bits(op: Op, operand: Operand) -> float:
    return operand.format.bits_per_element(tuple(op.dims[d] for d in operand.dims))


def _time(rows: list[Row]) -> Interval:
    total = NOTHING
    for r in rows:
        if r.time_s > 0:
            total = total.plus(Interval(r.time_s, r.low_s, r.high_s, r.evidence))
    return total


def _rest(longer: Interval, shorter: Interval) -> Interval:
    """What is left of an interval of time, at least nothing."""
    value = max(longer.value - shorter.value, 0.0)
    low, high = max(longer.low - shorter.high, 0.0), max(longer.high - shorter.low, 0.0)
    return Interval(value, min(low, value), max(high, value), longer.evidence)
