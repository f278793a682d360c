"""The spatial estimator: every contraction by its best mapping, the rest by bytes and vector work.

Rows of a mapped op: its multiply-accumulates; for each level and operand what is read (inward and
drained outward) and written (filled from outside and from inside); launch; static power. An op
that can't be mapped costs what the roofline says of its arithmetic and bytes, and is listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import msgspec

from picojoule.chips import Chip
from picojoule.chips.spatial import Level
from picojoule.cost.assemble import assemble, meta_of
from picojoule.cost.fuse import fuse, joins_producer
from picojoule.cost.interval import NOTHING, Interval, static_w
from picojoule.cost.price import Price, Pricer
from picojoule.cost.residency import persistent_bytes
from picojoule.cost.spatial.machine import Machine, machine_of
from picojoule.cost.spatial.mapping import Access, Cost, replay
from picojoule.cost.spatial.nest import Nest, nest_of
from picojoule.cost.spatial.search import Effort, best_mapping
from picojoule.cost.units import CONTRACTIONS, Choice, choose, computed_in
from picojoule.errors import InputError
from picojoule.graph import Graph, Op, Role
from picojoule.ledger import Ledger, Row
from picojoule.quantity import weakest

__all__ = ["SpatialEstimator"]


@dataclass(frozen=True)
class SpatialEstimator:
    """Maps every contraction of a graph on a chip with a [spatial] part.

    objective: "energy", "latency" or "edp" (their product), of each op by itself. runtime: one of
    the chip's; None takes its default.
    """

    objective: str = "energy"
    runtime: str | None = None
    effort: Effort = field(default_factory=Effort)

    def estimate(self, graph: Graph, chip: Chip) -> Ledger:
        """Predict joules and seconds of `graph` on `chip`; each distinct shape is mapped once.

        Raises ChipError for a chip without a [spatial] part, or with a wrong one, and for a
        runtime that it doesn't know.
        """
        name = chip.pick_runtime(self.runtime)
        run = fuse(graph) if chip.runtime[name].fused else graph
        price = _Mapper(self, chip, name, machine_of(chip), persistent_bytes(graph))
        number: dict[tuple[object, ...], int] = {}
        prices: list[Price] = []
        for op in run.ops:
            if op.shape_key not in number:
                number[op.shape_key] = len(prices)
                prices.append(price.of(op))
        price_of = [number[op.shape_key] for op in run.ops]
        columns = assemble(run.ops, price_of, [p.rows for p in prices])
        notes = [note for p in prices for note in p.notes]
        return Ledger(
            columns, meta_of(graph, chip, name, f"spatial, least {self.objective}", notes)
        )


@dataclass(frozen=True)
class _Mapper:
    """Prices one op at a time."""

    options: SpatialEstimator
    chip: Chip
    runtime: str
    machine: Machine
    persistent_b: float

    def of(self, op: Op) -> Price:
        choice = _unit(self.chip, op)
        if choice is None:
            return self._by_bytes(op)
        try:
            nest = nest_of(op)
            found = best_mapping(
                nest, self.machine, self.options.objective,
                mac_pj=choice.pj.value, effort=self.options.effort,
            )  # fmt: skip
        except InputError as error:
            price = self._by_bytes(op)
            note = f"priced by arithmetic and bytes, since it can't be mapped: {op.name}"
            return Price(price.rows, (*price.notes, f"{note} ({error.what})"))
        cost = replay(nest, self.machine, found.mapping)
        return Price(tuple(self._rows(op, nest, choice, cost)), ())

    def _by_bytes(self, op: Op) -> Price:
        """The roofline's price, with the levels that the whole array shares."""
        level = self.machine.part.level
        shared = tuple(m for m in self.chip.memory if not level.get(m.name, Level()).per)
        chip = msgspec.structs.replace(self.chip, memory=shared)
        return Pricer(chip, chip.runtime[self.runtime], self.persistent_b).price(op)

    def _rows(self, op: Op, nest: Nest, choice: Choice, cost: Cost) -> Iterator[Row]:
        elapsed = Interval.quotient(cost.cycles, self.machine.part.clock_hz)
        rows = [_row("mac", choice.unit.name, nest.macs,
                     Interval.of(choice.pj, nest.macs * 1e-12), choice.format)]  # fmt: skip
        rows += [row for a in cost.accesses for row in self._access(a)]
        rows += self._beside(op, nest)
        bound = next((i for i, r in enumerate(rows) if r.level == cost.bound), 0)
        rows[bound] = _timed(rows[bound], elapsed)
        launch = Interval.of(self.chip.runtime[self.runtime].launch_s)
        if not joins_producer(op):
            rows.append(_timed(_row("launch", "host", 1.0, NOTHING), launch))
            elapsed = elapsed.plus(launch)
        static = static_w(self.chip).times(elapsed)
        yield from rows
        yield _row("static", "chip", elapsed.value, static, rows[bound].level)

    def _access(self, access: Access) -> Iterator[Row]:
        store = next(s for s in self.machine.stores if s.name == access.level)
        read = [(access.read_bits, store.memory.read_pj_per_bit),
                (access.drain_bits, store.rules.drain_pj_per_bit)]  # fmt: skip
        write = [(access.write_bits, store.memory.write_pj_per_bit),
                 (access.fill_bits, store.rules.fill_pj_per_bit)]  # fmt: skip
        for component, parts in (("read", read), ("write", write)):
            bits = sum(b for b, _ in parts)
            energies = [Interval.of(c, b * 1e-12) for b, c in parts if c is not None and b > 0]
            if bits > 0:
                total = energies[0] if energies else NOTHING
                for other in energies[1:]:
                    total = total.plus(other)
                yield _row(component, access.level, bits / 8, total, access.tensor)

    def _beside(self, op: Op, nest: Nest) -> Iterator[Row]:
        """Operands beside the three of the nest, such as a bias: read once from outside."""
        outer = self.machine.stores[0].memory
        for i, operand in enumerate(op.operands):
            if i not in nest.operands and operand.role is not Role.OUTPUT and not operand.on_chip:
                size = op.bytes_of(operand)
                energy = Interval.of(outer.read_pj_per_bit, 8 * size * 1e-12)
                yield _row("read", outer.name, size, energy, operand.role.value)


def _unit(chip: Chip, op: Op) -> Choice | None:
    return choose(chip, "contraction", computed_in(op)) if op.kind in CONTRACTIONS else None


def _row(component: str, level: str, amount: float, energy: Interval, operand: str = "") -> Row:
    return Row("", component, level, amount, *energy, operand=operand)


def _timed(row: Row, time: Interval) -> Row:
    evidence = weakest(row.evidence, time.evidence)
    return replace(row, time_s=time.value, low_s=time.low, high_s=time.high, evidence=evidence)
