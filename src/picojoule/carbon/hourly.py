"""Hourly intensities from a file: `hour,g_per_kwh` and, where known, the `kwh` of each hour.

    hour,g_per_kwh,kwh
    2025-03-01T00:00,41,12.5
    2025-03-01T01:00,38,11.9

An empty intensity is an hour that is not known: it lowers the coverage. Without `kwh` the work
may have run at any of the hours, so the interval spans them all.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from picojoule.carbon.factor import Factor, Source
from picojoule.errors import InputError
from picojoule.quantity import Evidence

__all__ = ["MAX_HOURS", "Hourly", "read_hourly"]

MAX_HOURS = 100_000
MAX_LINE = 1000

Row = tuple[datetime, float, float]  # hour, g/kWh or NaN, kWh or NaN


@dataclass(frozen=True)
class Hourly:
    """The mean intensity of the hours, weighted with their energy, and the share of the energy
    whose intensity is known."""

    factor: Factor
    coverage: float


def read_hourly(path: Path) -> Hourly:
    """Raises InputError with the line of what is malformed, negative, twice there or left out."""
    rows = _rows(path)
    for number, (before, after) in enumerate(pairwise(rows), 3):
        if after[0] - before[0] != timedelta(hours=1):
            raise InputError("hours must follow each other", where=f"{path}:{number}",
                             got=after[0].isoformat(), expected="one hour later")  # fmt: skip
    return _mean(rows, path)


def _mean(rows: list[Row], path: Path) -> Hourly:
    weighted = not any(math.isnan(kwh) for _, _, kwh in rows)
    if not weighted and not all(math.isnan(kwh) for _, _, kwh in rows):
        raise InputError("some hours lack their kwh", where=str(path), expected="all or none")
    weights = [kwh if weighted else 1.0 for _, _, kwh in rows]
    found = [(g, w) for (_, g, _), w in zip(rows, weights, strict=True) if not math.isnan(g) and w]
    if not found:
        raise InputError("no hour has an intensity and energy", where=str(path))
    share = sum(w for _, w in found)
    mean = sum(g * w for g, w in found) / share
    ends = (mean, mean) if weighted else (min(g for g, _ in found), max(g for g, _ in found))
    evidence = Evidence.MODELLED if weighted else Evidence.ASSUMED
    source = Source(mean, *ends, rows[0][0].year, f"{path.name}: {len(found)} hours", evidence)
    return Hourly(Factor("grid", "hourly", "hourly intensity", (source,)), share / sum(weights))


def _rows(path: Path) -> list[Row]:
    rows: list[Row] = []
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            lines = iter(lambda: stream.readline(MAX_LINE), "")
            reader = csv.DictReader(lines, restval="")
            if not {"hour", "g_per_kwh"} <= set(reader.fieldnames or ()):
                raise InputError("not hourly intensities", where=f"{path}:1",
                                 got=reader.fieldnames, expected="hour,g_per_kwh")  # fmt: skip
            for number, cells in enumerate(reader, 2):
                if number > MAX_HOURS:
                    raise InputError("too many hours", where=str(path), expected=MAX_HOURS)
                rows.append(_row(cells, f"{path}:{number}"))
    except OSError as error:
        raise InputError(f"can't read: {error.strerror}", where=str(path)) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"not a CSV file: {error}", where=str(path)) from None
    if not rows:
        raise InputError("no hours", where=str(path))
    return rows


def _row(cells: Mapping[str, str], where: str) -> Row:
    try:
        hour = datetime.fromisoformat(cells["hour"].strip())
    except ValueError:
        raise InputError("not an hour", where=where, got=repr(cells["hour"]),
                         expected="ISO 8601, as 2025-03-01T00:00") from None  # fmt: skip
    # Without an offset it is taken for UTC, so that hours of both kinds can be compared.
    hour = hour if hour.tzinfo else hour.replace(tzinfo=UTC)
    return hour, _number(cells, "g_per_kwh", where), _number(cells, "kwh", where)


def _number(cells: Mapping[str, str], name: str, where: str) -> float:
    text = (cells.get(name) or "").strip()
    if not text:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise InputError(f"{name} is not possible", where=where, got=repr(text),
                         expected="a number of at least 0, or nothing")  # fmt: skip
    return value
