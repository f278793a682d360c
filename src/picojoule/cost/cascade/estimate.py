"""The estimator of chips with a [cascade] part: attention as a cascade, all else by the roofline.

Rows of an attention: `mac` and `vector` for its actions on each array, `read` and `write` for its
bytes through the outermost memory, `launch` for its kernels, `static`. The three ops share one
latency, which stands on the scores op. Register files and the buffer are not priced: for the
designs of Nayak et al. (MICRO 2024) that leaves out 3% (FuseMax) to 22% (FLAT) of the published
joules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from picojoule.chips.cascade import CascadePart
from picojoule.chips.chip import Chip, Memory
from picojoule.cost.cascade.design import Array, Design, design
from picojoule.cost.cascade.find import Attention, attentions
from picojoule.cost.cascade.model import Cost, evaluate
from picojoule.cost.interval import NOTHING, Interval, static_w
from picojoule.cost.roofline import Roofline
from picojoule.cost.rows import op_row, timed
from picojoule.errors import ChipError, InputError
from picojoule.graph import Graph, Op, Role
from picojoule.ledger import Ledger, Row
from picojoule.quantity import weakest

__all__ = ["Cascades"]


@dataclass(frozen=True, slots=True)
class Cascades:
    """Prices attention by the chip's [cascade] part. runtime: as for Roofline."""

    runtime: str | None = None

    def estimate(self, graph: Graph, chip: Chip) -> Ledger:
        """Predict joules and seconds of `graph` on `chip`.

        Attention in another format than the part's stays with the roofline, and a note says so.
        Raises ChipError for a chip without the part, or one that lacks what its design needs, and
        InputError, with the op's name, for an attention of which no tile fits the buffer.
        """
        bound = _Bound.of(chip, self.runtime)
        ledger = Roofline(self.runtime).estimate(graph, chip)
        found = list(attentions(graph))
        ours = [a for a in found if bound.computes(a.scores)]
        left = [a.scores.name for a in found if a not in ours]
        notes = [f"not in {bound.part.format}, priced by the roofline: {n}" for n in left]
        rows = [row for a in ours for row in bound.rows(a)]
        priced = {(op.phase.value, op.name) for a in ours for op in a}
        meta = {
            **ledger.meta,
            "method": f"roofline, attention as {bound.design.name}",
            "notes": [*ledger.meta["notes"], *notes],
        }
        return _in_order(graph, _without(ledger, priced), Ledger.of(rows), meta)


@dataclass(frozen=True, slots=True)
class _Bound:
    """A design on the arrays of one chip."""

    part: CascadePart
    design: Design
    main: Memory
    buffer_bytes: float
    idle_w: Interval
    launch_s: Interval

    @classmethod
    def of(cls, chip: Chip, runtime: str | None) -> _Bound:
        if chip.cascade is None:
            fix = "see docs/cascade.md, or use the roofline"
            raise ChipError(f"chip {chip.name!r} has no [cascade] part", fix=fix)
        part, bound = chip.cascade, design(chip.cascade.design)
        levels = {m.name: m for m in chip.memory}
        if part.buffer not in levels:
            raise ChipError(
                f"[cascade] buffer of chip {chip.name!r} is no memory level",
                got=repr(part.buffer),
                expected=" or ".join(levels),
            )
        needed = {action for e in bound.cascade.einsums for action in e.actions}
        if missing := sorted(needed - part.pj.keys()):
            raise ChipError(
                f"missing constant cascade.pj.{missing[0]}: {bound.name} needs it", where=chip.name
            )
        size_b = levels[part.buffer].capacity_bytes.value
        launch_s = Interval.of(chip.runtime[chip.pick_runtime(runtime)].launch_s)
        return cls(part, bound, chip.memory[0], size_b, static_w(chip), launch_s)

    def computes(self, op: Op) -> bool:
        """Whether the arrays compute in the op's format. A mask has two dims, and any format."""
        return all(o.format.name == self.part.format for o in op.operands if len(o.dims) > 2)

    def rows(self, a: Attention) -> Iterator[Row]:
        """Rows of all repeats of one attention."""
        word_b = a.scores.operands[0].format.bits_per_element() / 8
        try:
            cost = evaluate(self.design, a.shape, Array(self.part.side, self.buffer_bytes, word_b))
        except InputError as error:
            raise InputError(
                error.what,
                where=a.scores.name,
                got=error.got,
                expected=error.expected,
                fix=error.fix,
            ) from None
        busy, limit = self._latency(cost)
        n = len(cost.kernels)
        value, low, high, evidence = self.launch_s
        launch = Interval(n * value, n * low, n * high, evidence)
        elapsed = busy.plus(launch)
        first, *others = self._actions(a, cost)
        rows = (
            timed(first, busy),
            *others,
            *self._traffic(a, cost),
            timed(op_row(a.scores, "launch", "host", n, NOTHING, ""), launch),
            op_row(a.scores, "static", "chip", elapsed.value, self.idle_w.times(elapsed), limit),
        )
        return (_repeated(row, a.scores.repeat) for row in rows)

    def _actions(self, a: Attention, cost: Cost) -> Iterator[Row]:
        """One row per op, component and array."""
        counts: defaultdict[tuple[int, str, str], float] = defaultdict(float)
        energy: dict[tuple[int, str, str], Interval] = {}
        for einsum in self.design.cascade.einsums:
            level = "2D array" if einsum.name in self.design.matrix else "1D array"
            number = 0 if "K" in einsum.reads else 2 if "V" in einsum.reads else 1
            for action, n in cost.actions[einsum.name].items():
                key = (number, "mac" if action == "mac" else "vector", level)
                term = Interval.of(self.part.pj[action], n * 1e-12)
                energy[key] = energy[key].plus(term) if key in energy else term
                counts[key] += n
        for key in sorted(energy):
            op, component, level = a[key[0]], key[1], key[2]
            yield op_row(op, component, level, counts[key], energy[key], self.part.format)

    def _traffic(self, a: Attention, cost: Cost) -> Iterator[Row]:
        """Bytes through main memory: of Q and K with the scores, of V and the result with the
        context, of what spills with the softmax."""
        owner = {"Q": 0, "K": 0, "V": 2, self.design.cascade.einsums[-1].name: 2}
        main = self.main
        for kernel in cost.kernels:
            for tensor, size_b in kernel.read_b.items():
                energy = Interval.of(main.read_pj_per_bit, 8 * size_b * 1e-12)
                op = a[owner.get(tensor, 1)]
                yield op_row(op, "read", main.name, size_b, energy, Role.INPUT.value)
            for tensor, size_b in kernel.written_b.items():
                energy = Interval.of(main.write_pj_per_bit, 8 * size_b * 1e-12)
                op = a[owner.get(tensor, 1)]
                yield op_row(op, "write", main.name, size_b, energy, Role.OUTPUT.value)

    def _latency(self, cost: Cost) -> tuple[Interval, str]:
        """Seconds, and what bounds most of them."""
        clock, rate, share = self.part.clock_hz, self.main.bandwidth_b_s, self.main.efficiency
        ends = [
            cost.latency_s(c, r * s)
            for c, r, s in (
                (clock.value, rate.value, share.value),
                (clock.high, rate.high, share.high),
                (clock.low, rate.low, share.low),
            )
        ]
        by_memory = sum(
            k.latency_s(clock.value, rate.value * share.value)
            for k in cost.kernels
            if k.traffic_b / (rate.value * share.value) > k.cycles / clock.value
        )
        evidence = weakest(clock.evidence, rate.evidence, share.evidence)
        limit = self.main.name if by_memory > ends[0] / 2 else "arrays"
        return Interval(ends[0], ends[1], ends[2], evidence), limit


def _repeated(row: Row, times: int) -> Row:
    numbers = ("count", "energy_j", "low_j", "high_j", "time_s", "low_s", "high_s")
    return replace(row, **{name: times * getattr(row, name) for name in numbers})


def _without(ledger: Ledger, priced: set[tuple[str, str]]) -> Ledger:
    names = zip(ledger["phase"].tolist(), ledger["op"].tolist(), strict=True)
    keep = np.array([name not in priced for name in names], dtype=bool)
    return Ledger({c: v[keep] for c, v in ledger.columns.items()}, ledger.meta)


def _in_order(graph: Graph, first: Ledger, second: Ledger, meta: dict[str, object]) -> Ledger:
    """The rows of both, in the order in which the ops of `graph` run."""
    joined = {c: np.concatenate([first[c], second[c]]) for c in first.columns}
    place = {(op.phase.value, op.name): i for i, op in enumerate(graph.ops)}
    names = zip(joined["phase"].tolist(), joined["op"].tolist(), strict=True)
    order = np.argsort([place[name] for name in names], kind="stable")
    return Ledger({c: v[order] for c, v in joined.items()}, meta)
