"""Roofline: an op takes as long as its busiest resource, plus its launch.

Time of one run of an op, with work and bytes from `graph.count`::

    compute_s = work / (peak_op_s[format] × efficiency[shape])
    memory_s  = bytes / (bandwidth_b_s × efficiency)          at each level
    elapsed_s = max(compute_s, memory_s...) + launch_s        (no launch inside another's kernel)

Energy::

    mac, vector   work × pj[format]
    read, write   8 × bytes × read/write_pj_per_bit           at each level that the bytes cross
    static        (idle_w + clocked_w) × elapsed_s
    launch        0: its time costs static power, and the host's joules are not the chip's

The time stands on the row that bounds it, the launch on the launch row, and the low and high of a
row come from those of its constants. `residency` says which levels bytes cross, `units` which
unit computes, `fuse` what a fusing runtime saves, and `price` puts them together.

Not modelled: re-reads of tiles (part of pj), stalls (part of efficiency), overlap of ops with
each other, clock and voltage changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from picojoule.chips.chip import Chip
from picojoule.cost.assemble import assemble, meta_of
from picojoule.cost.fuse import fuse
from picojoule.cost.price import Price, Pricer
from picojoule.cost.residency import persistent_bytes
from picojoule.graph import Graph
from picojoule.ledger import Ledger
from picojoule.quantity import format_si

__all__ = ["Roofline"]


@dataclass(frozen=True, slots=True)
class Roofline:
    """The roofline estimator. runtime: one of the chip's; None takes its default, the first."""

    runtime: str | None = None

    def estimate(self, graph: Graph, chip: Chip) -> Ledger:
        """Predict joules and seconds of `graph` on `chip`. Raises ChipError for a runtime that
        the chip doesn't know."""
        name = chip.pick_runtime(self.runtime)
        runtime = chip.runtime[name]
        persistent_b = persistent_bytes(graph)
        run = fuse(graph) if runtime.fused else graph
        price_of, prices = _price_all(run, Pricer(chip, runtime, persistent_b))
        notes = [*_fits(chip, persistent_b), *(n for p in prices for n in p.notes)]
        columns = assemble(run.ops, price_of, [p.rows for p in prices])
        return Ledger(columns, meta_of(graph, chip, name, "roofline", notes))


def _price_all(graph: Graph, pricer: Pricer) -> tuple[list[int], list[Price]]:
    """Each distinct shape is priced once. Returns the price number of each op, and the prices."""
    number: dict[tuple[object, ...], int] = {}
    prices: list[Price] = []
    price_of: list[int] = []
    for op in graph.ops:
        key = op.shape_key
        if key not in number:
            number[key] = len(prices)
            prices.append(pricer.price(op))
        price_of.append(number[key])
    return price_of, prices


def _fits(chip: Chip, persistent_b: float) -> Iterable[str]:
    room_b = sum(m.capacity_bytes.value for m in chip.memory if m.serves("weight"))
    if persistent_b > room_b:
        need, have = format_si(persistent_b, "B"), format_si(room_b, "B")
        yield f"weights and state need {need} and {chip.name} has {have}: priced as if they fitted"
