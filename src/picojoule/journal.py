"""A file of JSON lines that grows with finished work, so that work which stops can go on.

A torn last line, of a run that was killed while it wrote, is cut off when the journal is read.
"""

from __future__ import annotations

from pathlib import Path

from picojoule.errors import InputError

__all__ = ["MAX_BYTES", "append_line", "read_lines"]

MAX_BYTES = 500_000_000


def read_lines(file: Path, start: bytes) -> list[bytes]:
    """The whole lines of a journal; none where there is no file.

    start: the bytes that each of its lines begins with, so that no other file is taken for one and
    cut. Raises InputError for a file that can't be read or changed, that is larger than MAX_BYTES,
    or with a line that begins otherwise.
    """
    if not file.exists():
        return []
    try:
        size = file.stat().st_size
        if size > MAX_BYTES:
            raise InputError(
                "the journal is too large", where=str(file), got=size, expected=f"{MAX_BYTES} bytes"
            )
        *whole, torn = file.read_bytes().split(b"\n")
        _check([*whole, torn] if torn else whole, start, file)
        if torn:
            with file.open("r+b") as stream:
                stream.truncate(size - len(torn))
    except OSError as error:
        raise InputError(f"can't read: {error.strerror}", where=str(file)) from None
    return whole


def _check(lines: list[bytes], start: bytes, file: Path) -> None:
    for number, line in enumerate(lines, 1):
        if not line.startswith(start[: len(line)]) or not line:
            raise InputError(
                "not a line of this journal",
                where=f"{file}:{number}",
                got=repr(line[:40]),
                expected=f"{start.decode()}...",
                fix="name another file, or remove the line",
            )


def append_line(file: Path, line: bytes) -> None:
    """Add one line, written when this returns. Makes the folder. Raises InputError."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab") as stream:
            stream.write(line + b"\n")
    except OSError as error:
        raise InputError(f"can't write: {error.strerror}", where=str(file)) from None
