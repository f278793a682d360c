"""Text from outside, read with a bound on its size."""

from __future__ import annotations

from pathlib import Path

from picojoule.errors import InputError

__all__ = ["read_text"]


def read_text(path: Path, most_bytes: int) -> str:
    """The UTF-8 text in `path`. Raises InputError: can't be read, above `most_bytes`, not UTF-8."""
    try:
        with path.open("rb") as stream:
            data = stream.read(most_bytes + 1)
    except OSError as error:
        raise InputError(f"can't read: {error.strerror}", where=str(path)) from None
    if len(data) > most_bytes:
        raise InputError(
            "the file is too large", where=str(path), got="more", expected=f"{most_bytes} bytes"
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text at byte {error.start}", where=str(path)) from None
