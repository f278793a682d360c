"""Apple silicon: what `powermetrics` prints, as a property list or as text.

It needs root, so it isn't started from here. A record holds mean watts of its own interval; a read
gives the mean of the records since the read before. The GPU and the neural engine (ane) stand
beside the CPU, and may rightly use nothing. Source: powermetrics(1): -f plist separates records by
a NUL byte.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from picojoule.meter.base import Domain, Quantum, Sample, Scope
from picojoule.meter.stream import Stream
from picojoule.quantity import Evidence

__all__ = ["Apple"]

_COMMAND = "sudo powermetrics --samplers cpu_power,gpu_power -i 100 -f plist > power.plist"
_PARTS = ("cpu", "gpu", "ane")
_MAX_W = 500.0
_SILENT_S = 5.0
_HEADER = re.compile(r"\*\*\* Sampled system activity \(.*?\) \(([\d.]+)ms elapsed\) \*\*\*")
_POWER = re.compile(r"^(CPU|GPU|ANE) Power: ([\d.]+) mW", re.MULTILINE)


class Apple:
    """Watts from a powermetrics process's output.

    source: a file that it writes to, a named pipe, or an open descriptor of its standard output.
    Without one there are no domains, and `missing` has the command. silent_s: how long records may
    stay away before a read counts as failed.
    """

    evidence = Evidence.MEASURED

    def __init__(
        self,
        source: str | Path | int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        silent_s: float = _SILENT_S,
        platform: str = sys.platform,
    ) -> None:
        self._clock, self._silent_s = clock, silent_s
        self.present = source is not None or platform == "darwin"
        self._missing = "" if source is not None else _why(platform)
        self._stream: Stream | None = None
        try:
            self._stream = None if source is None else Stream(source)
        except OSError as error:
            self._missing = f"apple: can't open {source}: {error.strerror}; {_COMMAND}"
        self._pending = b""
        self._watts: dict[str, float] = {}
        self._heard_s: float | None = None

    @property
    def name(self) -> str:
        """'apple'."""
        return "apple"

    @property
    def domains(self) -> tuple[Domain, ...]:
        """CPU, GPU and neural engine."""
        known = _PARTS if self._stream is not None else ()
        return tuple(
            Domain(f"apple:{p}", p, Scope.CHIP, Quantum.POWER_W, resolution_j=1e-3, max_w=_MAX_W)
            for p in known
        )

    @property
    def missing(self) -> tuple[str, ...]:
        """How to start powermetrics, where there is no source."""
        return (self._missing,) if self._missing else ()

    def read(self) -> tuple[Sample, ...]:
        """Watts of each part in the records that have arrived, or in the last one before."""
        reason = self._listen()
        now_s = self._clock()
        if self._heard_s is None or now_s - self._heard_s > self._silent_s:
            reason = reason or "powermetrics is silent"
        return tuple(
            Sample(d.name, now_s, None if reason else self._watts.get(d.component), reason)
            for d in self.domains
        )

    def close(self) -> None:
        """Close the source, if it was opened here."""
        if self._stream is not None:
            self._stream.close()

    def _listen(self) -> str:
        try:
            self._pending += self._stream.take() if self._stream is not None else b""
        except OSError as error:
            return f"can't read powermetrics: {error.strerror}"
        records, self._pending = _split(self._pending)
        heard = [found for record in records if (found := _record(record)) is not None]
        seconds = sum(seconds for seconds, _ in heard)
        if seconds > 0:
            parts = {part for _, watts in heard for part in watts}
            self._watts = {p: sum(w.get(p, 0.0) * s for s, w in heard) / seconds for p in parts}
            self._heard_s = self._clock()
        return ""


def _why(platform: str) -> str:
    if platform != "darwin":
        return "no Apple silicon: this isn't macOS"
    return f"apple: powermetrics needs root: {_COMMAND}; then Apple('power.plist')"


def _split(data: bytes) -> tuple[list[bytes], bytes]:
    """Whole records, and the beginning of the next."""
    if b"<plist" in data or b"\0" in data:
        *whole, rest = data.split(b"\0")
        if rest.rstrip().endswith(b"</plist>"):
            return [*whole, rest], b""
        return whole, rest
    starts = [m.start() for m in re.finditer(rb"\*\*\* Sampled", data)]
    if len(starts) < 2:  # a text record ends where the next one begins
        return [], data
    return [data[i:j] for i, j in pairwise(starts)], data[starts[-1] :]


def _record(record: bytes) -> tuple[float, dict[str, float]] | None:
    """Seconds and watts by part; None when it isn't a record."""
    if b"<plist" in record:
        return _of_plist(record)
    text = record.decode("utf-8", errors="replace")
    header = _HEADER.search(text)
    watts = {m[1].lower(): float(m[2]) / 1000 for m in _POWER.finditer(text)}
    return (float(header[1]) / 1000, watts) if header and watts else None


def _of_plist(record: bytes) -> tuple[float, dict[str, float]] | None:
    import plistlib
    from xml.parsers.expat import ExpatError

    try:
        document: Any = plistlib.loads(record.strip())
        seconds, chip = float(document["elapsed_ns"]) / 1e9, document["processor"]
        watts = {p: float(chip[f"{p}_power"]) / 1000 for p in _PARTS if f"{p}_power" in chip}
        energy = {p: float(chip[f"{p}_energy"]) / 1000 for p in _PARTS if f"{p}_energy" in chip}
    except (plistlib.InvalidFileException, ExpatError, KeyError, TypeError, ValueError):
        return None
    if not seconds > 0:
        return None
    return seconds, {**{p: joules / seconds for p, joules in energy.items()}, **watts}
