"""From priced shapes to ledger columns, without a Python object per row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from picojoule.chips import Chip
from picojoule.graph import Graph, Op, count
from picojoule.ledger import NUMBER_COLUMNS, Array, Ledger, Row

__all__ = ["assemble", "meta_of"]


def assemble(
    ops: Sequence[Op], price_of: Sequence[int], prices: Sequence[Sequence[Row]]
) -> dict[str, Array]:
    """Columns of the rows of every op, in order.

    prices: the rows of one run of each distinct shape. price_of: which of them each op has. An
    op's numbers are those of one run times its `repeat`.
    """
    template = Ledger.of(row for price in prices for row in price).columns
    sizes = np.array([len(price) for price in prices], dtype=np.intp)
    chosen = np.array(price_of, dtype=np.intp)
    lengths = sizes[chosen]
    first_row = (np.cumsum(sizes) - sizes)[chosen]
    op_of_row = np.repeat(np.arange(len(ops)), lengths)
    within = np.arange(len(op_of_row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    columns = {name: column[first_row[op_of_row] + within] for name, column in template.items()}
    repeats = np.array([op.repeat for op in ops], dtype=float)[op_of_row]
    columns |= {name: columns[name] * repeats for name in NUMBER_COLUMNS}
    return columns | _identity(ops, op_of_row)


def _identity(ops: Sequence[Op], op_of_row: Array) -> dict[str, Array]:
    texts = {
        "op": [op.name for op in ops],
        "module": [op.module for op in ops],
        "phase": [op.phase for op in ops],
        "kind": [op.kind for op in ops],
    }
    return {name: np.array(t, dtype=np.str_)[op_of_row] for name, t in texts.items()}


def meta_of(
    graph: Graph, chip: Chip, runtime: str, method: str, notes: Iterable[str]
) -> dict[str, Any]:
    """What every family's ledger says of its graph, chip and method; each note once."""
    counts = count(graph)
    return {
        "model": graph.name,
        "chip": chip.name,
        "chip_hash": chip.hash,
        "runtime": runtime,
        "method": method,
        "graph_notes": list(graph.notes),
        "uncounted": [op.name for op in graph.uncounted],
        "counts": {
            "macs": counts.macs,
            "vector_ops": counts.vector_ops,
            "bytes": counts.bytes_moved,
        },
        "notes": list(dict.fromkeys(notes)),
    }
