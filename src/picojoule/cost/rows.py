"""Ledger rows of one op: what one component did, its joules and its time."""

from __future__ import annotations

from dataclasses import replace

from picojoule.cost.interval import NOTHING, Interval
from picojoule.graph import Op
from picojoule.ledger import Row
from picojoule.quantity import weakest

__all__ = ["op_row", "timed"]


def op_row(
    op: Op,
    component: str,
    level: str,
    count: float,
    energy: Interval,
    operand: str = "",
    time: Interval = NOTHING,
) -> Row:
    """A row of `op`. energy in J, with the row's evidence; time in s."""
    return Row(
        op=op.name,
        module=op.module,
        phase=op.phase.value,
        kind=op.kind.value,
        component=component,
        level=level,
        operand=operand,
        count=count,
        energy_j=energy.value,
        low_j=energy.low,
        high_j=energy.high,
        evidence=energy.evidence,
        time_s=time.value,
        low_s=time.low,
        high_s=time.high,
    )


def timed(row: Row, time: Interval) -> Row:
    """`row` with a time in s, and the weaker evidence of both."""
    evidence = weakest(row.evidence, time.evidence)
    return replace(row, time_s=time.value, low_s=time.low, high_s=time.high, evidence=evidence)
