"""Roll-ups of a ledger for people: the module tree, ranked groups, and a roofline's points.

Sums are the ledger's own totals, so intervals, evidence and coverage survive every roll-up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from picojoule.errors import LedgerError
from picojoule.ledger import TEXT_COLUMNS, Ledger, Total
from picojoule.quantity import Evidence

__all__ = [
    "OWN",
    "OpPoint",
    "TreeRow",
    "cut_modules",
    "evidence_shares",
    "fold_repeats",
    "module_tree",
    "op_points",
    "outermost_level",
    "ranked",
]

OWN = "(itself)"
"""Name of the row for a module's own ops, where its children have rows beside it."""


@dataclass(frozen=True, slots=True)
class TreeRow:
    """One line of a roll-up. path: the full name; name: its last part; depth: from 0."""

    path: str
    name: str
    depth: int
    total: Total
    macs: float


@dataclass(frozen=True, slots=True)
class OpPoint:
    """One op on a roofline. bytes_moved: reads and writes at the outermost memory level."""

    op: str
    kind: str
    phase: str
    total: Total
    macs: float
    bytes_moved: float


def module_tree(ledger: Ledger, depth: int = 2) -> list[TreeRow]:
    """Modules down to `depth` in the model's order; a parent sums its descendants.

    A module with ops of its own and children gets a row named OWN, so that the leaves of the
    tree add up to the total.
    """
    members: dict[tuple[str, ...], list[int]] = {}
    for row, module in enumerate(ledger["module"].tolist()):
        path = tuple(module.split(".")) if module else ()
        for size in range(min(len(path), depth) + 1):
            members.setdefault(path[:size], []).append(row)
        if len(path) < depth:
            members.setdefault((*path, OWN), []).append(row)
    return [_tree_row(ledger, path, members[path]) for path in _preorder(members)]


def _preorder(paths: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Parents before children, siblings in the order given; the root and needless OWN left out."""
    children: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for path in paths:
        if path:
            children.setdefault(path[:-1], []).append(path)

    def below(path: tuple[str, ...]) -> list[tuple[str, ...]]:
        kids = children.get(path, [])
        if path and [k[-1] for k in kids] == [OWN]:
            return []
        return [p for kid in kids for p in (kid, *below(kid))]

    return below(())


def _tree_row(ledger: Ledger, path: tuple[str, ...], rows: Sequence[int]) -> TreeRow:
    return _row(ledger, ".".join(path), path[-1], len(path) - 1, rows)


def ranked(ledger: Ledger, by: str = "module", top: int | None = None) -> list[TreeRow]:
    """Groups of a text column, most energy first; beyond `top` they share one last row.

    Groups without any known energy come last. Raises LedgerError for an unknown column.
    """
    if by not in TEXT_COLUMNS:
        raise LedgerError("no such column", got=by, expected=list(TEXT_COLUMNS))
    members = _members(ledger, by)
    rows = [_row(ledger, name, name or OWN, 0, rows) for name, rows in members.items()]
    rows.sort(key=lambda r: -np.nan_to_num(r.total.energy.value, nan=-1.0))
    if top is None or len(rows) <= top:
        return rows
    rest = [i for r in rows[top:] for i in members[r.path]]
    name = f"({len(rows) - top} others)"
    return [*rows[:top], _row(ledger, name, name, 0, sorted(rest))]


def cut_modules(ledger: Ledger, depth: int) -> Ledger:
    """The ledger with module paths shortened to `depth` parts."""
    short = [".".join(m.split(".")[:depth]) for m in ledger["module"].tolist()]
    return replace(ledger, columns={**ledger.columns, "module": np.array(short, dtype=np.str_)})


def evidence_shares(ledger: Ledger) -> dict[Evidence, float]:
    """Fraction of the known energy by how it is known, strongest evidence first."""
    known = ledger["energy_j"][np.isfinite(ledger["energy_j"])]
    classes = ledger["evidence"][np.isfinite(ledger["energy_j"])]
    total = float(known.sum())
    sums = {e: float(known[classes == e].sum()) for e in Evidence}
    return {e: s / total for e, s in sums.items() if s > 0}


def fold_repeats(ledger: Ledger) -> Ledger:
    """The ledger with numbered modules as one: 'layers.0.mlp' and 'layers.1.mlp' are
    'layers.*.mlp'."""
    folded = [_folded(module) for module in ledger["module"].tolist()]
    return replace(ledger, columns={**ledger.columns, "module": np.array(folded, dtype=np.str_)})


def _folded(module: str) -> str:
    return ".".join("*" if part.isdecimal() else part for part in module.split("."))


def op_points(ledger: Ledger) -> list[OpPoint]:
    """Each op's MACs, time, energy, and bytes at the outermost memory level, phase by phase."""
    outer = outermost_level(ledger)
    members: dict[tuple[str, str], list[int]] = {}
    for row, key in enumerate(zip(ledger["op"].tolist(), ledger["phase"].tolist(), strict=True)):
        members.setdefault(key, []).append(row)
    return [_point(ledger, op, rows, outer) for (op, _), rows in members.items()]


def _point(ledger: Ledger, op: str, rows: Sequence[int], outer: str) -> OpPoint:
    part = _take(ledger, rows)
    moved = part.where(component=("read", "write"), level=outer)
    return OpPoint(
        op=op,
        kind=str(part["kind"][0]),
        phase=str(part["phase"][0]),
        total=part.total(),
        macs=_macs(part),
        bytes_moved=float(moved["count"].sum()),
    )


def outermost_level(ledger: Ledger) -> str:
    """The memory level furthest from the arithmetic, or '' when there is none.

    That is the slowest level of `meta["roofline"]["bandwidth_b_s"]`; without it, the level
    whose byte costs most.
    """
    moves = ledger.where(component=("read", "write"))
    levels = list(dict.fromkeys(moves["level"].tolist()))
    bandwidth = (ledger.meta.get("roofline") or {}).get("bandwidth_b_s", {})
    known = [level for level in levels if level in bandwidth]
    if known:
        return str(min(known, key=lambda level: bandwidth[level]))
    return max(levels, key=lambda level: _joules_per_byte(moves.where(level=level)), default="")


def _joules_per_byte(ledger: Ledger) -> float:
    moved = float(ledger["count"].sum())
    return float(np.nansum(ledger["energy_j"])) / moved if moved > 0 else 0.0


def _members(ledger: Ledger, column: str) -> dict[str, list[int]]:
    members: dict[str, list[int]] = {}
    for row, value in enumerate(ledger[column].tolist()):
        members.setdefault(value, []).append(row)
    return members


def _take(ledger: Ledger, rows: Sequence[int]) -> Ledger:
    index = np.array(rows, dtype=int)
    return replace(ledger, columns={c: v[index] for c, v in ledger.columns.items()})


def _macs(ledger: Ledger) -> float:
    return float(ledger.where(component="mac")["count"].sum())


def _row(ledger: Ledger, path: str, name: str, depth: int, rows: Sequence[int]) -> TreeRow:
    part = _take(ledger, rows)
    return TreeRow(path, name, depth, part.total(), _macs(part))
