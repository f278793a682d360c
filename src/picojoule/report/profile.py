"""The documents of `pj profile` and `pj compare`, made from their results."""

from __future__ import annotations

from typing import Any

from picojoule.comparison import Comparison
from picojoule.ledger import Ledger, Total
from picojoule.report.text import roll_up
from picojoule.tree import TreeRow

__all__ = ["compare_document", "profile_document"]


def profile_document(
    ledger: Ledger, *, by: str = "layer", depth: int = 2, top: int | None = None
) -> dict[str, Any]:
    """`picojoule/profile/1`."""
    document = ledger.to_dict()
    return {
        "schema": "picojoule/profile/1",
        "by": by,
        "total": document["total"],
        "layers": [_layer(r) for r in roll_up(ledger, by, depth, top)],
        "ledger": document,
    }


def _layer(row: TreeRow) -> dict[str, Any]:
    return {
        "path": row.path,
        "depth": row.depth,
        "energy": row.total.energy.to_dict(),
        "time": row.total.time.to_dict(),
        "coverage": row.total.coverage,
        "macs": row.macs,
    }


def compare_document(comparison: Comparison, max_increase: float | None = None) -> dict[str, Any]:
    """`picojoule/compare/1`."""
    c = comparison
    return {
        "schema": "picojoule/compare/1",
        "old": _total(c.old),
        "new": _total(c.new),
        "relative": c.relative,
        "relative_low": c.relative_low,
        "relative_high": c.relative_high,
        "shared_constants": c.shared_constants,
        "max_increase": max_increase,
        "verdict": None if max_increase is None else c.verdict(max_increase),
        "changes": [
            {"module": x.module, "old_j": x.old_j, "new_j": x.new_j, "delta_j": x.delta_j}
            for x in c.changes
        ],
    }


def _total(total: Total) -> dict[str, Any]:
    return {
        "energy": total.energy.to_dict(),
        "time": total.time.to_dict(),
        "coverage": total.coverage,
        "missing": list(total.missing),
    }
