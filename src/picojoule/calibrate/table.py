"""Rows in and out: a public CSV as it is, and the same rows with predictions beside them."""

from __future__ import annotations

import contextlib
import csv
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from picojoule.errors import InputError

__all__ = ["ADDED", "Row", "Table", "read_table", "write_table"]

ADDED = ("predicted_j", "low_j", "high_j", "evidence", "reason")
_MOST_BYTES = 512 * 2**20
_MOST_ROWS = 2_000_000

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one file. columns: names in order. rows: cells as text, one mapping a row."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    where: str = ""

    def need(self, *names: str) -> None:
        """Raise InputError unless all these columns are there."""
        missing = [name for name in names if name not in self.columns]
        if missing:
            raise InputError(
                "a column is missing",
                where=self.where,
                got=", ".join(self.columns),
                expected="also " + ", ".join(missing),
            )


def read_table(path: str | Path) -> Table:
    """Read a CSV file with a header. Raises InputError: no file, no header, ragged rows, size."""
    file = Path(path)
    try:
        size = file.stat().st_size
        if size > _MOST_BYTES:
            raise InputError("the file is too large", where=str(path), got=f"{size} bytes")
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"can't read: {error.strerror}", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise InputError(f"not a CSV file: {error}", where=str(path)) from error
    return _parse(text, str(path))


def _parse(text: str, where: str) -> Table:
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[Row] = []
    try:
        columns = tuple(name.strip() for name in next(lines, []))
        if not columns or len(set(columns)) != len(columns):
            raise InputError("a header with distinct column names is needed", where=where)
        for cells in lines:
            if not cells:
                continue
            if len(cells) != len(columns) or len(rows) >= _MOST_ROWS:
                raise InputError(
                    "a row does not fit the header",
                    where=f"{where}:{lines.line_num}",
                    got=f"{len(cells)} cells in row {len(rows) + 1}",
                    expected=f"{len(columns)} cells, at most {_MOST_ROWS} rows",
                )
            rows.append(dict(zip(columns, cells, strict=True)))
    except csv.Error as error:
        raise InputError(f"not a CSV file: {error}", where=f"{where}:{lines.line_num}") from error
    return Table(columns, tuple(rows), where)


def write_table(table: Table, added: Sequence[Row], path: str | Path) -> None:
    """Write the rows of `table`, in order, with the columns ADDED. The file appears whole."""
    target = Path(path)
    columns = [*(c for c in table.columns if c not in ADDED), *ADDED]
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8", newline="") as file:
            out = csv.DictWriter(file, columns, extrasaction="ignore")
            out.writeheader()
            for row, more in zip(table.rows, added, strict=True):
                out.writerow({**row, **more})
        part.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise InputError(f"can't write: {error.strerror}", where=str(path)) from error
