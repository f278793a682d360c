"""Files that `pj` reads and writes. What a user gives is untrusted: its size is checked first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from picojoule.errors import InputError
from picojoule.files import read_text

__all__ = ["MAX_BYTES", "read_json", "write_text"]

MAX_BYTES = 200_000_000


def read_json(path: Path) -> Any:
    """The JSON document in `path`. Raises InputError that says where it is wrong."""
    text = read_text(path, MAX_BYTES)
    try:
        return json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        where = f"{path}:{error.lineno}:{error.colno}"
        raise InputError(f"not valid JSON: {error.msg}", where=where) from None
    except RecursionError:
        raise InputError("JSON nested too deeply", where=str(path)) from None
    except ValueError as error:
        raise InputError(f"not valid JSON: {error}", where=str(path)) from None


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number (an unavailable value is null)")


def write_text(path: Path, text: str) -> None:
    """Write `path`, and the folders above it. Raises InputError when that is not possible."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"can't write: {error.strerror}", where=str(path)) from None
