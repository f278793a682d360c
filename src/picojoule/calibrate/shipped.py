"""The fitted constants that come with picojoule: one JSON file a set, in `fitted/`."""

from __future__ import annotations

import datetime
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from picojoule.errors import InputError

__all__ = ["FOLDER", "read_shipped", "write_shipped"]

FOLDER = Path(str(resources.files("picojoule.calibrate"))) / "fitted"

P = TypeVar("P")


class _Document(msgspec.Struct, frozen=True):
    """set: its name. rows: how many were fitted. date: of the fit. evidence: calibrated."""

    set: str
    rows: int
    date: str
    evidence: str
    constants: msgspec.Raw


def read_shipped(name: str, kind: type[P]) -> P:
    """The constants of a set as `kind`, a msgspec Struct or dataclass.

    Raises InputError where the file is missing or does not hold that type.
    """
    path = FOLDER / f"{name}.json"
    try:
        document = msgspec.json.decode(path.read_bytes(), type=_Document)
        return msgspec.json.decode(document.constants, type=kind)
    except (OSError, msgspec.MsgspecError) as error:
        fix = f"python -m picojoule.calibrate.refit {name} --data DIR"
        raise InputError(f"no fitted constants: {error}", where=path.name, fix=fix) from error


def write_shipped(name: str, predictor: Any, rows: int, folder: Path = FOLDER) -> Path:
    """Write a fitted predictor; returns the file. Numbers are rounded to 8 digits."""
    document = {
        "set": name,
        "rows": rows,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "evidence": "calibrated",
        "constants": _rounded(msgspec.to_builtins(predictor)),
    }
    path = folder / f"{name}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")
    return path


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.8g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value
