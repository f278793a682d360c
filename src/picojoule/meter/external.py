"""A meter outside the machine: a wall plug or a bench instrument that writes lines of text.

The first line names the columns with their units: `time (s),power (W)`. A file that another
program appends to, a named pipe or a serial device will do. Lines count from when they arrive, on
our clock; a meter's own times only order them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from picojoule.errors import InputError
from picojoule.meter.base import Domain, Quantum, Sample, Scope
from picojoule.meter.stream import Stream
from picojoule.meter.units import Column, parse_title
from picojoule.quantity import Evidence

__all__ = ["External", "read_columns"]

_SEPARATORS = (",", ";", "\t")
_MAX_W = 50_000.0
_LONGEST_LINE = 4096


class External:
    """Lines of a meter as watts or joules.

    source: path of a file, pipe or device, or an open descriptor. header: its first line, where
    the meter doesn't send one. component, scope: what it measures, by default the wall.
    silent_s: how long lines may stay away before a read counts as failed. live: leave out the
    lines that are there already. Raises InputError for columns that can't be understood, when the
    header is known at once.
    """

    evidence = Evidence.MEASURED
    present = True

    def __init__(
        self,
        source: str | Path | int,
        *,
        header: str | None = None,
        name: str = "external",
        component: str = "wall",
        scope: Scope = Scope.WALL,
        silent_s: float = 5.0,
        live: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock, self._silent_s, self._name = clock, silent_s, name
        self._pending, self._reason = b"", "the meter has sent nothing"
        self._columns: Sequence[Column | None] = ()
        self._quantum = Quantum.POWER_W
        self._value: float | None = None
        self._meter_s = -math.inf
        self._heard_s = -math.inf
        self._missing: tuple[str, ...] = ()
        self._stream: Stream | None = None
        self._domains: tuple[Domain, ...] = ()
        try:
            self._stream = Stream(source)
            self._begin(header, live)
        except OSError as error:
            self._missing = (f"{name}: can't open {source}: {error.strerror}; check the path",)
        if self._stream is not None:
            self._domains = (Domain(name, component, scope, self._quantum, max_w=_MAX_W),)

    def _begin(self, header: str | None, live: bool) -> None:
        """Read what is there: the header, and lines from before."""
        if header is not None:
            self._name_columns(header)
        self._listen()
        if live:
            self._heard_s = -math.inf

    @property
    def name(self) -> str:
        """The name that it was given."""
        return self._name

    @property
    def domains(self) -> tuple[Domain, ...]:
        """One: what the meter measures."""
        return self._domains

    @property
    def missing(self) -> tuple[str, ...]:
        """Why it can't be read."""
        return self._missing

    def read(self) -> tuple[Sample, ...]:
        """The latest line's value; None after `silent_s` seconds without a good line."""
        reason = self._listen()
        now_s = self._clock()
        if not reason and now_s - self._heard_s > self._silent_s:
            reason = self._reason
        value = None if reason else self._value
        return tuple(Sample(d.name, now_s, value, reason) for d in self._domains)

    def close(self) -> None:
        """Close the source, if it was opened here."""
        if self._stream is not None:
            self._stream.close()

    def _listen(self) -> str:
        try:
            self._pending += self._stream.take() if self._stream is not None else b""
        except OSError as error:
            return f"can't read the meter: {error.strerror}"
        *lines, self._pending = self._pending.split(b"\n")
        self._pending = self._pending[-_LONGEST_LINE:]
        for line in lines:
            self._take(line.decode("utf-8-sig", errors="replace").strip())
        return ""

    def _take(self, line: str) -> None:
        if not line or line.startswith("#"):
            return
        if not self._columns:
            self._name_late(line)
            return
        try:
            row = parse_line(line, self._columns)
        except InputError as error:
            self._reason = error.what
            return
        before_s, self._meter_s = self._meter_s, row.get("time", self._meter_s)
        if self._meter_s < before_s:
            self._reason = "the meter's clock went back"
            return
        self._value = row["energy" if self._quantum is Quantum.COUNTER_J else "power"]
        self._heard_s, self._reason = self._clock(), "no new line from the meter"

    def _name_columns(self, line: str) -> None:
        self._columns = read_columns(line)
        kinds = [column.kind for column in self._columns if column is not None]
        self._quantum = Quantum.COUNTER_J if "energy" in kinds else Quantum.POWER_W

    def _name_late(self, line: str) -> None:
        """A header that comes after the domain was told must fit it, and may not raise."""
        if not self._domains:
            self._name_columns(line)
            return
        try:
            columns = read_columns(line)
        except InputError as error:
            self._reason = f"{error.what}: give it as header="
            return
        if any(column is not None and column.kind == "power" for column in columns):
            self._columns = columns
        else:
            self._reason = "the meter counts energy: give its first line as header="


def read_columns(line: str) -> tuple[Column | None, ...]:
    """The columns of a header. Raises InputError when none is power or energy, or two are."""
    columns = tuple(parse_title(title) for title in _split(line))
    kinds = [column.kind for column in columns if column is not None]
    if any(kinds.count(kind) > 1 for kind in kinds) or not {"power", "energy"} & set(kinds):
        raise InputError(
            "a meter's first line doesn't name one column of power or energy",
            got=repr(line),
            expected="such as 'time (s),power (W)'",
            fix="give the line as header=",
        )
    return columns


def parse_line(line: str, columns: Sequence[Column | None]) -> dict[str, float]:
    """Seconds, watts and joules of one line. Raises InputError when it isn't one."""
    parts = _split(line)
    if len(parts) != len(columns):
        raise InputError(
            "a line has another number of columns", got=len(parts), expected=len(columns)
        )
    try:
        row = {
            c.kind: float(p) * c.scale for c, p in zip(columns, parts, strict=True) if c is not None
        }
    except ValueError:
        raise InputError("a line has no number where one is due", got=repr(line)) from None
    if not all(math.isfinite(value) for value in row.values()):
        raise InputError("a line has a number that isn't finite", got=repr(line))
    return {str(kind): value for kind, value in row.items()}


def _split(line: str) -> list[str]:
    separator = next((s for s in _SEPARATORS if s in line), None)
    return [part.strip().strip('"') for part in line.split(separator)]
