"""Text that arrives while we look: a file that grows, a pipe, a serial device."""

from __future__ import annotations

import os
import stat
from pathlib import Path

__all__ = ["Stream"]

_CHUNK = 65536
_MOST = 8 * 1024 * 1024  # bytes taken at once, so that a device that babbles can't hold us


class Stream:
    """New bytes of a file, a device or an open descriptor, without ever waiting.

    A device is opened for reading only and doesn't become our terminal. Its speed must be set
    beforehand (`stty -F /dev/ttyUSB0 115200 raw`).
    """

    def __init__(self, source: str | Path | int) -> None:
        self._own = not isinstance(source, int)
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
        self._fd = source if isinstance(source, int) else os.open(source, flags)
        if not stat.S_ISREG(os.fstat(self._fd).st_mode):
            os.set_blocking(self._fd, False)

    def take(self) -> bytes:
        """What has arrived since the last call. Raises OSError when the source fails."""
        taken = bytearray()
        while len(taken) < _MOST:
            try:
                part = os.read(self._fd, _CHUNK)
            except BlockingIOError:
                break
            if not part:
                break
            taken += part
        return bytes(taken)

    def close(self) -> None:
        """Close it, unless it was given open. Safe to call twice."""
        if self._own and self._fd >= 0:
            os.close(self._fd)
        self._fd, self._own = -1, False
