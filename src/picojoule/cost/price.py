"""Prices one run of one op by the roofline rules: its ledger rows and what to note about them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from picojoule.chips.chip import Chip, Constant, Memory, Runtime
from picojoule.cost.fuse import joins_producer
from picojoule.cost.interval import NOTHING, Interval, static_w
from picojoule.cost.residency import path_of, working_set
from picojoule.cost.rows import timed
from picojoule.cost.units import (
    CONTRACTIONS,
    Choice,
    choose,
    computed_in,
    shape_of,
    storage_only,
    with_planes,
)
from picojoule.formats import Format, Int, parse_format
from picojoule.graph import Kind, Op, Role
from picojoule.graph.count import macs, vector_ops
from picojoule.ledger import Row
from picojoule.quantity import Evidence

__all__ = ["Price", "Pricer"]

_NAN = float("nan")


class Price(NamedTuple):
    """Rows of one run of an op, without its name, and notes for the reader."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...]


class _Part(NamedTuple):
    """A row, the resource that it occupies, and for how long."""

    row: Row
    busy: Interval


@dataclass(frozen=True)
class Pricer:
    """Prices ops on one chip and runtime. persistent_b: bytes of the graph's weights and state."""

    chip: Chip
    runtime: Runtime
    persistent_b: float

    def price(self, op: Op) -> Price:
        """The rows of one run of `op`."""
        compute, notes = self._compute(op)
        parts = [*compute, *self._traffic(op)]
        bound = max(range(len(parts)), key=lambda i: parts[i].busy.value, default=None)
        launch = NOTHING if joins_producer(op) else Interval.of(self.runtime.launch_s)
        busy = _longest([p.busy for p in parts])
        limit = "launch"
        if bound is not None and busy.value > 0:
            parts[bound] = _Part(timed(parts[bound].row, busy), busy)
            limit = limit if launch.value > busy.value else parts[bound].row.level
        rows = [p.row for p in parts]
        if launch.value > 0:
            rows.append(timed(_row("launch", "host", 1.0, NOTHING), launch))
        rows.append(self._static(busy.plus(launch), limit))
        return Price(tuple(rows), (*notes, *self._power_note(rows)))

    def _compute(self, op: Op) -> tuple[list[_Part], tuple[str, ...]]:
        """The mac or vector row, or an UNAVAILABLE one where no number can be given."""
        if op.kind is Kind.CUSTOM:
            note = "ops of unknown work are priced by their bytes alone: see `uncounted`"
            return [_unavailable("mac", _NAN, "unknown", "unknown")], (note,)
        contraction = op.kind in CONTRACTIONS
        work = (macs(op) if contraction else vector_ops(op)) / max(op.repeat, 1)
        if work == 0:
            return [], ()
        wanted = computed_in(op)
        choice = choose(self.chip, "contraction" if contraction else "vector", wanted)
        component = "mac" if contraction else "vector"
        if choice is None:
            note = f"{self.chip.name} has no {component} unit that holds {wanted.name}"
            return [_unavailable(component, work, "none", wanted.name)], (f"{note}: not priced",)
        fallback = storage_only(op, choice) if contraction else None
        notes = _widened(wanted, choice, component) if fallback is None else (fallback,)
        return [self._worked(component, work, with_planes(choice, op), op)], notes

    def _worked(self, component: str, work: float, choice: Choice, op: Op) -> _Part:
        done = work * choice.passes
        energy = Interval.of(choice.pj, done * 1e-12)
        busy = Interval.quotient(done, choice.peak_op_s, self._efficiency(choice, op))
        return _Part(_row(component, choice.unit.name, work, energy, choice.format), busy)

    def _efficiency(self, choice: Choice, op: Op) -> Constant:
        table = choice.unit.efficiency
        if op.kind in CONTRACTIONS:
            table = self.runtime.efficiency.get(choice.format, table)
        return table.of(shape_of(op))

    def _traffic(self, op: Op) -> Iterator[_Part]:
        """Read and write rows, one per level and role. The largest of a level is busy for all."""
        moved = self._moved(op)
        for level in self.chip.memory:
            here = {key: b for key, b in moved.items() if key[0] == level.name}
            busy = Interval.quotient(sum(here.values()), level.bandwidth_b_s, level.efficiency)
            largest = max(here, key=lambda k: here[k], default=None)
            for key, moved_b in here.items():
                yield _Part(_moved_row(level, key[1], moved_b), busy if key == largest else NOTHING)

    def _moved(self, op: Op) -> dict[tuple[str, Role], float]:
        """Bytes that cross each level, by role."""
        moved: dict[tuple[str, Role], float] = {}
        needed = working_set(op)
        for operand in op.operands:
            size = op.bytes_of(operand)
            for level in path_of(operand, self.chip.memory, needed, self.persistent_b):
                key = (level.name, operand.role)
                moved[key] = moved.get(key, 0.0) + size
        return {key: b for key, b in moved.items() if b > 0}

    def _static(self, elapsed: Interval, limit: str) -> Row:
        energy = static_w(self.chip).times(elapsed)
        return _row("static", "chip", elapsed.value, energy, limit)

    def _power_note(self, rows: list[Row]) -> tuple[str, ...]:
        energy_j, time_s = sum(r.energy_j for r in rows), sum(r.time_s for r in rows)
        limit_w = self.chip.max_w.value
        if not energy_j > limit_w * time_s:
            return ()
        return (f"some ops need more than the {limit_w:g} W limit: a real chip would slow down",)


def _longest(busy: list[Interval]) -> Interval:
    """Each end is the longest at that end; the evidence is that of the longest."""
    if not busy:
        return NOTHING
    bound = max(busy, key=lambda b: b.value)
    low, high = max(b.low for b in busy), max(b.high for b in busy)
    return Interval(bound.value, low, high, bound.evidence)


def _row(component: str, level: str, amount: float, energy: Interval, operand: str = "") -> Row:
    return Row(
        op="",
        component=component,
        level=level,
        operand=operand,
        count=amount,
        energy_j=energy.value,
        low_j=energy.low,
        high_j=energy.high,
        evidence=energy.evidence,
    )


def _moved_row(level: Memory, role: Role, moved_b: float) -> Row:
    writes = role is Role.OUTPUT
    unit = level.write_pj_per_bit if writes else level.read_pj_per_bit
    energy = Interval.of(unit, 8 * moved_b * 1e-12)
    return _row("write" if writes else "read", level.name, moved_b, energy, role.value)


def _unavailable(component: str, amount: float, level: str, operand: str) -> _Part:
    unknown = Interval(_NAN, _NAN, _NAN, Evidence.UNAVAILABLE)
    return _Part(_row(component, level, amount, unknown, operand), NOTHING)


def _widened(wanted: Format, choice: Choice, component: str) -> tuple[str, ...]:
    """Says when a narrow format saves storage only. Masks and indices are not worth a word."""
    used = parse_format(choice.format)
    same = used.bits_per_element() == wanted.bits_per_element()
    if same or (component == "vector" and isinstance(wanted, Int)):
        return ()
    saving = "its narrower storage saves, its arithmetic does not"
    return (f"no {component} unit for {wanted.name}, computed in {used.name}: {saving}",)
