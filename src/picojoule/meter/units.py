"""Column titles of meters' files: 'Power (mW)', 'energy_kwh', 'Time [ms]' -> what and how much."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from picojoule.errors import InputError

__all__ = ["Column", "parse_title"]

Kind = Literal["time", "power", "energy"]

_UNITS: dict[str, tuple[Kind, float]] = {
    "s": ("time", 1.0), "sec": ("time", 1.0), "seconds": ("time", 1.0), "ms": ("time", 1e-3),
    "us": ("time", 1e-6), "µs": ("time", 1e-6), "ns": ("time", 1e-9), "min": ("time", 60.0),
    "w": ("power", 1.0), "watt": ("power", 1.0), "watts": ("power", 1.0), "mw": ("power", 1e-3),
    "uw": ("power", 1e-6), "µw": ("power", 1e-6), "kw": ("power", 1e3),
    "j": ("energy", 1.0), "joule": ("energy", 1.0), "joules": ("energy", 1.0),
    "mj": ("energy", 1e-3), "uj": ("energy", 1e-6), "µj": ("energy", 1e-6), "kj": ("energy", 1e3),
    "mwh": ("energy", 3.6), "wh": ("energy", 3600.0), "kwh": ("energy", 3.6e6),
}  # fmt: skip
_LARGE: dict[str, tuple[Kind, float]] = {  # not milli
    "MW": ("power", 1e6), "MJ": ("energy", 1e6), "MWh": ("energy", 3.6e9),
}  # fmt: skip
_NAMES: dict[str, Kind] = {
    "time": "time",
    "timestamp": "time",
    "power": "power",
    "energy": "energy",
}
_WORD = re.compile(r"[A-Za-zµ]+")


@dataclass(frozen=True, slots=True)
class Column:
    """A column's kind, and the factor to seconds, watts or joules."""

    kind: Kind
    scale: float


def parse_title(title: str) -> Column | None:
    """What a column holds; None for one that is neither time, power nor energy.

    Raises InputError when the title names a quantity and no unit, or one with another's unit:
    a guess could be wrong by a factor of a thousand.
    """
    words = _WORD.findall(title)
    kinds = [_NAMES[w.lower()] for w in words if w.lower() in _NAMES]
    # The unit stands last: 'energy (Wh)', 'power_mW'. A lone 's' in front is no unit.
    unit = next((u for w in reversed(words) if (u := _unit(w))), None)
    if unit is None and not kinds:
        return None
    if unit is None or (kinds and kinds[0] != unit[0]):
        raise InputError(
            "a column's unit is unclear",
            got=repr(title),
            expected="a title such as 'time (s)', 'power (mW)' or 'energy (Wh)'",
            fix="name the unit in the file's first line",
        )
    return Column(*unit)


def _unit(word: str) -> tuple[Kind, float] | None:
    return _LARGE.get(word) or _UNITS.get(word.lower())
