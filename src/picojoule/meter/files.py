"""A sensor whose domains are numbers in files: what sysfs sensors share."""

from __future__ import annotations

import errno
import math
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from picojoule.meter.base import Domain, Sample
from picojoule.quantity import Evidence

__all__ = ["Channel", "FileSensor", "Number", "number", "read_text", "text_of"]

ReadText = Callable[[Path], str]
Number = tuple[float | None, str]  # a value, or None and why

_REASONS = {
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENOENT: "file is gone",
    errno.ENODEV: "device is gone",
}


_PAGE = 4096  # sysfs files are at most one page


def read_text(path: Path) -> str:
    """The first page of a small file. Raises OSError.

    Straight from the descriptor: a meter reads many of these, and a file object costs three times
    as much as the read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _PAGE).decode("ascii", errors="replace")
    finally:
        os.close(descriptor)


def text_of(path: Path, default: str = "") -> str:
    """A small file's contents without white space around, or `default` when it can't be read."""
    try:
        return read_text(path).strip()
    except OSError:
        return default


def number(path: Path, scale: float = 1.0, read: ReadText = read_text) -> Number:
    """The number in a file times `scale`; None and the reason when there is none."""
    try:
        value = float(read(path)) * scale
    except OSError as error:
        return None, f"{_REASONS.get(error.errno or 0, type(error).__name__)}: {path}"
    except ValueError:
        return None, f"not a number: {path}"
    return (value, "") if math.isfinite(value) else (None, f"not a number: {path}")


@dataclass(frozen=True, slots=True)
class Channel:
    """A domain and the files whose product, times `scale`, is its value in joules or watts."""

    domain: Domain
    paths: tuple[Path, ...]
    scale: float

    def value(self, read: ReadText = read_text) -> Number:
        """The value now."""
        product = self.scale
        for path in self.paths:
            factor, reason = number(path, read=read)
            if factor is None:
                return None, reason
            product *= factor
        return product, ""


class FileSensor:
    """Reads channels. clock: monotonic seconds. read: the text of a file, for tests."""

    evidence = Evidence.MEASURED
    present = True  # the hardware exists, even if it can't be read

    def __init__(
        self,
        name: str,
        channels: Iterable[Channel],
        missing: Iterable[str] = (),
        *,
        clock: Callable[[], float] = time.monotonic,
        read: ReadText = read_text,
    ) -> None:
        self._name, self._channels, self._missing = name, tuple(channels), tuple(missing)
        self._clock, self._read = clock, read

    @property
    def name(self) -> str:
        """The sensor's kind."""
        return self._name

    @property
    def domains(self) -> tuple[Domain, ...]:
        """What can be read."""
        return tuple(channel.domain for channel in self._channels)

    @property
    def missing(self) -> tuple[str, ...]:
        """What can't be read, with the fix."""
        return self._missing

    def read(self) -> tuple[Sample, ...]:
        """One sample per domain, each with the time after its own files were read."""
        return tuple(self._sample(channel) for channel in self._channels)

    def _sample(self, channel: Channel) -> Sample:
        value, reason = channel.value(self._read)
        return Sample(channel.domain.name, self._clock(), value, reason)

    def close(self) -> None:
        """Nothing is held."""
