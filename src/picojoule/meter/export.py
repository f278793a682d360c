"""Ledgers as files, and a meter's samples as a power timeline for Perfetto or chrome://tracing."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from picojoule.errors import InputError
from picojoule.extras import require
from picojoule.ledger import COLUMNS, Ledger
from picojoule.meter.base import Quantum
from picojoule.meter.sampler import Trace
from picojoule.meter.session import Meter

__all__ = ["SUFFIXES", "chrome_trace", "to_csv", "to_json", "write_ledger", "write_trace"]


def to_csv(ledger: Ledger) -> str:
    """The rows of a ledger; an unavailable number is an empty field."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    columns = ledger.to_dict()["columns"]
    writer.writerows(zip(*(columns[c] for c in COLUMNS), strict=True))
    return text.getvalue()


def to_json(ledger: Ledger) -> str:
    """The ledger's document `picojoule/ledger/1`."""
    return json.dumps(ledger.to_dict(), indent=1, default=str, allow_nan=False) + "\n"


def _write_parquet(ledger: Ledger, path: Path) -> None:
    """Null where unavailable; meta as JSON in the schema's metadata."""
    parquet, arrow = require("pyarrow.parquet", "meters"), require("pyarrow", "meters")
    document = ledger.to_dict()
    table = arrow.table({c: document["columns"][c] for c in COLUMNS})
    meta = json.dumps(document["meta"], default=str)
    parquet.write_table(table.replace_schema_metadata({"picojoule": meta}), str(path))


_WRITERS: dict[str, Callable[[Ledger, Path], object]] = {
    ".csv": lambda ledger, path: path.write_text(to_csv(ledger), encoding="utf-8"),
    ".json": lambda ledger, path: path.write_text(to_json(ledger), encoding="utf-8"),
    ".parquet": _write_parquet,
}
SUFFIXES = tuple(_WRITERS)


def write_ledger(ledger: Ledger, path: str | Path) -> None:
    """Write a ledger as .csv, .json or .parquet.

    Raises InputError for another suffix or a path that can't be written, MissingExtra for Parquet
    without pyarrow.
    """
    path = Path(path)
    if path.suffix not in _WRITERS:
        expected = ", ".join(SUFFIXES)
        raise InputError("not a format for ledgers", where=str(path), expected=expected,
                         got=path.suffix or "no suffix")  # fmt: skip
    _written(path, lambda: _WRITERS[path.suffix](ledger, path))


def write_trace(meter: Meter, path: str | Path) -> None:
    """Write `chrome_trace` as JSON. Raises InputError for a path that can't be written."""
    path = Path(path)
    _written(path, lambda: path.write_text(json.dumps(chrome_trace(meter)), encoding="utf-8"))


def _written(path: Path, write: Callable[[], object]) -> None:
    try:
        write()
    except OSError as error:
        raise InputError(f"can't write: {error.strerror}", where=str(path)) from None


def chrome_trace(meter: Meter) -> dict[str, Any]:
    """Watts of each domain as counters, windows as slices by thread, failed reads as instants.

    Times are microseconds since the meter started. Needs `pj.meter(timeline=True)`.
    Format: the Trace Event Format of Chromium's catapult project.
    """
    if meter.domains and not meter.traces:
        raise InputError("the meter kept no samples", fix="pj.meter(timeline=True)")
    start_s = meter.whole.edges()[0].began_s
    events = [*_slices(meter, start_s)]
    for trace in meter.traces:
        events += _counter(trace, start_s)
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def _slices(meter: Meter, start_s: float) -> Iterator[dict[str, Any]]:
    for window in meter.windows:
        if window.begin is None or window.end is None:
            continue
        at, length = window.begin.ended_s - start_s, window.end.began_s - window.begin.ended_s
        yield {
            "name": window.name, "ph": "X", "cat": "window", "pid": 1, "tid": window.thread,
            "ts": 1e6 * at, "dur": 1e6 * length, "args": {"energy": str(window.energy)},
        }  # fmt: skip


def _counter(trace: Trace, start_s: float) -> Iterator[dict[str, Any]]:
    name = f"{trace.domain.name} W"
    for at_s, watts in power_points(trace):
        common = {"pid": 1, "ts": 1e6 * (at_s - start_s)}
        if math.isnan(watts):
            yield {"name": f"gap in {trace.domain.name}", "ph": "i", "s": "p", **common}
        else:
            yield {"name": name, "ph": "C", "args": {"W": round(watts, 6)}, **common}


def power_points(trace: Trace) -> Iterator[tuple[float, float]]:
    """(Seconds, watts) of a domain; NaN where a read failed.

    Of a counter: the mean since it last moved; over a wrap or reset nothing is said.
    """
    last: tuple[float, float] | None = None
    for at_s, value in zip(trace.time_s, trace.value, strict=True):
        if math.isnan(value) or trace.domain.quantum is Quantum.POWER_W:
            yield at_s, value
        elif last is None or value < last[1]:
            last = (at_s, value)
        elif value > last[1] and at_s > last[0]:
            yield at_s, (value - last[1]) / (at_s - last[0])
            last = (at_s, value)
