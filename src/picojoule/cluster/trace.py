"""Traces of requests from CSV and Parquet, in chunks, so that memory stays bounded.

Two layouts, told apart by the header:

    TIMESTAMP,ContextTokens,GeneratedTokens              Azure LLM inference traces, as published
    arrival_s,prompt_tokens,output_tokens[,priority]     ours; priority is low or high

Timestamps become seconds since the first row. Azure Public Dataset, AzureLLMInferenceTrace (2023).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from picojoule.cluster.requests import HIGH, LOW, UNKNOWN, Requests, join
from picojoule.errors import InputError
from picojoule.extras import require
from picojoule.ledger import Array

__all__ = ["AZURE", "OURS", "load_trace", "read_trace"]

AZURE = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
OURS = ("arrival_s", "prompt_tokens", "output_tokens")
_RANKS = {"low": LOW, "high": HIGH, "": UNKNOWN}
_LONGEST_LINE = 4096


def load_trace(path: str | Path) -> Requests:
    """The whole trace in memory. Raises InputError as `read_trace` does."""
    return join(list(read_trace(path)))


def read_trace(path: str | Path, chunk: int = 100_000) -> Iterator[Requests]:
    """The requests of a .csv or .parquet file, `chunk` rows at a time.

    Raises InputError for another suffix, a file that can't be read, an unknown header, and a row
    that is malformed or out of order, with its line. MissingExtra for Parquet without pyarrow.
    """
    path = Path(path)
    if path.suffix not in (".csv", ".parquet"):
        got = path.suffix or "no suffix"
        raise InputError("not a trace", where=str(path), got=got, expected=".csv or .parquet")
    tables = _csv(path, chunk) if path.suffix == ".csv" else _parquet(path, chunk)
    return _in_order(tables, path)


def _in_order(tables: Iterator[tuple[int, list[Any]]], path: Path) -> Iterator[Requests]:
    """Columns (times in s or datetime64, prompt, output, priority) to checked Requests."""
    start, last, rows = None, 0.0, 0
    for line, (times, prompt, output, priority) in tables:
        start = times[0] if start is None else start
        chunk = Requests.of(_seconds(times, start), prompt, output, priority, str(path), line)
        if chunk.arrival_s[0] < last:
            got = chunk.arrival_s[0].item()
            raise InputError("arrivals are not sorted", where=f"{path}:{line}", got=got)
        last, rows = chunk.arrival_s[-1], rows + len(chunk)
        yield chunk
    if not rows:
        raise InputError("the trace has no requests", where=str(path))


def _seconds(times: Array, start: Any) -> Array:
    """Timestamps since the first one; seconds are what they are."""
    if times.dtype.kind != "M":
        return times
    return np.asarray((times - start) / np.timedelta64(1, "s"))


def _csv(path: Path, chunk: int) -> Iterator[tuple[int, list[Any]]]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            names = _header(file.readline(_LONGEST_LINE).strip().split(","), path)
            line = 2
            while rows := list(islice(_lines(file), chunk)):
                yield line, _columns(rows, names, path, line)
                line += len(rows)
    except OSError as error:
        raise InputError(f"can't read: {error.strerror}", where=str(path)) from None
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text at byte {error.start}", where=str(path)) from None


def _lines(file: TextIO) -> Iterator[str]:
    while line := file.readline(_LONGEST_LINE):
        yield line.rstrip("\r\n")


def _header(names: list[str], path: Path) -> list[str]:
    if names[:3] not in (list(AZURE), list(OURS)):
        expected = f"{','.join(AZURE)} or {','.join(OURS)}[,priority]"
        raise InputError(
            "unknown header", where=f"{path}:1", expected=expected,
            got=",".join(names) or "an empty line",
        )  # fmt: skip
    return names


def _columns(rows: list[str], names: list[str], path: Path, line: int) -> list[Any]:
    """Parse many rows at once; one by one only to find the line of an error."""
    try:
        return _parse(rows, names)
    except (ValueError, KeyError, OverflowError):
        for i, row in enumerate(rows):
            try:
                _parse([row], names)
            except (ValueError, KeyError, OverflowError):
                where, shown = f"{path}:{line + i}", repr(row[:80])
                raise InputError(
                    "malformed row", where=where, got=shown, expected=",".join(names)
                ) from None
        raise


def _parse(rows: list[str], names: list[str]) -> list[Any]:
    cells = [row.split(",") for row in rows]
    if any(len(c) != len(names) for c in cells):
        raise ValueError("wrong number of columns")
    columns = list(zip(*cells, strict=True))
    times = _datetimes(columns[0]) if names[0] == AZURE[0] else np.array(columns[0], dtype=float)
    counts = [np.array([int(v) for v in column], dtype=np.int64) for column in columns[1:3]]
    ranks = [_RANKS[v] for v in columns[3]] if names[3:] == ["priority"] else UNKNOWN
    return [times, *counts, ranks]


def _datetimes(texts: tuple[str, ...]) -> Array:
    return np.array([t.removesuffix("+00:00") for t in texts], dtype="datetime64[ns]")


def _parquet(path: Path, chunk: int) -> Iterator[tuple[int, list[Any]]]:
    parquet = require("pyarrow.parquet", "meters")
    arrow = require("pyarrow", "meters")
    try:
        file = parquet.ParquetFile(path)
        names = _header(list(file.schema_arrow.names), path)
        row = 1
        for batch in file.iter_batches(batch_size=chunk):
            columns = [batch.column(i).to_numpy(zero_copy_only=False) for i in range(3)]
            if names[0] == AZURE[0]:
                columns[0] = np.asarray(columns[0], dtype="datetime64[ns]")
            ranks = batch.column(3).to_pylist() if names[3:] == ["priority"] else None
            yield row, [*columns, UNKNOWN if ranks is None else [_RANKS[r or ""] for r in ranks]]
            row += batch.num_rows
    except OSError as error:
        raise InputError(f"can't read: {error}", where=str(path)) from None
    except (arrow.ArrowException, ValueError, KeyError) as error:
        raise InputError(f"malformed Parquet: {error}", where=str(path)) from None
