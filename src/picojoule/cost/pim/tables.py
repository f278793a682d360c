"""Small tables from outside: read with their line numbers, and refused when they are too large."""

from __future__ import annotations

import csv
from pathlib import Path

from picojoule.errors import InputError

__all__ = ["MAX_BYTES", "read_rows"]

MAX_BYTES = 100_000_000


def read_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Rows of a CSV by column, each with its line. A short row has None in its last columns.

    Raises InputError for a file that is too large or can't be read.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError("too large a file", where=path.name, expected=f"{MAX_BYTES} bytes")
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            return [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"can't read the table: {error}", where=path.name) from error
