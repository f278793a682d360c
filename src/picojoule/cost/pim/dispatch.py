"""The estimator of chips with a [pim] part: each op where it costs least, host or memory.

A matrix product with few operations per byte is bound by the interface of the memory, and units
inside the memory have no such bound but fewer multipliers. Both sides are priced by the roofline
(see `sides`), and the cheaper one runs the op. Ops run one after the other; `schedule` and
`experts` say what running them beside each other gains.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from picojoule.chips.chip import Chip
from picojoule.cost.assemble import assemble, meta_of
from picojoule.cost.fuse import fuse
from picojoule.cost.pim.sides import (
    BreakEven,
    break_even,
    handed_over,
    pim_part,
    runs_in_memory,
    seen_from,
)
from picojoule.cost.price import Price, Pricer
from picojoule.cost.residency import persistent_bytes
from picojoule.cost.units import CONTRACTIONS, computed_in
from picojoule.errors import ChipError, InputError
from picojoule.graph import Graph, Op
from picojoule.ledger import Ledger
from picojoule.quantity import format_si

__all__ = ["Dispatch"]


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Runs each op on the side that takes the least time, or the least energy.

    runtime: of the host, one of the chip's; None takes its default. by: what decides.
    """

    runtime: str | None = None
    by: Literal["time", "energy"] = "time"

    def estimate(self, graph: Graph, chip: Chip) -> Ledger:
        """Predict joules and seconds of `graph` on `chip`.

        The level of a `mac` row is the unit that ran the op; weights and state that a unit read
        in place stand at a level named after its place, such as "HBM bank". The ledger's meta has
        the break-even operations per byte of each unit. Raises ChipError for a chip without a
        [pim] part or with a wrong one, and for a runtime that it doesn't know.
        """
        if self.by not in ("time", "energy"):
            raise InputError("nothing to dispatch by", got=repr(self.by), expected="time, energy")
        name, part = chip.pick_runtime(self.runtime), pim_part(chip)
        persistent_b = persistent_bytes(graph)
        host = Pricer(chip, chip.runtime[name], persistent_b)
        memory = [_pricer(seen_from(unit, chip), persistent_b) for unit in part.unit]
        run = fuse(graph) if chip.runtime[name].fused else graph
        number: dict[tuple[object, ...], int] = {}
        prices: list[Price] = []
        for op in run.ops:
            if op.shape_key not in number:
                number[op.shape_key] = len(prices)
                prices.append(self._cheapest(op, host, memory))
        price_of = [number[op.shape_key] for op in run.ops]
        notes = [*_fits(chip, part.memory, persistent_b), *(n for p in prices for n in p.notes)]
        columns = assemble(run.ops, price_of, [p.rows for p in prices])
        meta = meta_of(graph, chip, name, f"host or memory, least {self.by}", notes)
        return Ledger(columns, {**meta, "break_even": _break_even(run, chip)})

    def _cheapest(self, op: Op, host: Pricer, memory: Sequence[Pricer]) -> Price:
        """The host's price, unless a unit inside the memory asks for less."""
        prices = [host.price(op)]
        if runs_in_memory(op):
            prices += [side.price(handed_over(op)) for side in memory]
        return min(prices, key=self._asked)

    def _asked(self, price: Price) -> float:
        """What decides; infinite where a part of the energy is unknown."""
        energy_j = sum(row.energy_j for row in price.rows)
        if math.isnan(energy_j):
            return math.inf
        return energy_j if self.by == "energy" else sum(row.time_s for row in price.rows)


def _pricer(side: Chip, persistent_b: float) -> Pricer:
    return Pricer(side, side.runtime[side.pick_runtime()], persistent_b)


def _fits(chip: Chip, memory: str, persistent_b: float) -> list[str]:
    room_b = next(m.capacity_bytes.value for m in chip.memory if m.name == memory)
    if persistent_b <= room_b:
        return []
    need, have = format_si(persistent_b, "B"), format_si(room_b, "B")
    return [f"weights and state need {need} and {memory} has {have}: priced as if they fitted"]


def _break_even(graph: Graph, chip: Chip) -> list[dict[str, Any]]:
    """Of the first format in which the graph's products are computed on both sides.

    Numbers that are infinite become null, as in every JSON document.
    """
    for name in dict.fromkeys(computed_in(op).name for op in graph.ops if op.kind in CONTRACTIONS):
        try:
            found = break_even(chip, name)
        except ChipError:
            continue
        return [_told(b, name) for b in found]
    return []


def _told(meets: BreakEven, name: str) -> dict[str, Any]:
    ends = {"ops_per_byte": meets.value, "low": meets.low, "high": meets.high}
    finite = {key: n if math.isfinite(n) else None for key, n in ends.items()}
    return {"unit": meets.unit, "format": name, **finite, "evidence": meets.evidence.word}
