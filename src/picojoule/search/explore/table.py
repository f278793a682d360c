"""An [explore] table: the space of designs that a TOML file asks for.

::

    [explore]
    chip = "systolic-32x32"            # a catalogue name or a file; left out in a chip's own file
    node_nm = 45                       # for areas; without it area is unavailable
    max = { area_mm2 = 4 }             # energy_j, latency_s, area_mm2

    [explore.vary]
    spatial.axes.rows = { from = 8, to = 64, times = 2 }
    memory.SRAM.capacity_bytes = [262144, 524288, 1048576]
    format = ["int8", "int16"]         # of the multipliers and of the workloads
    mapping = ["energy", "latency"]    # what each layer's mapping minimises

A path walks the tables of a chip file; members of [[memory]] and [[compute]] go by their names.
"""

from __future__ import annotations

import re
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from picojoule.chips import Chip, load_chip
from picojoule.chips.load import MAX_BYTES, catalogue
from picojoule.errors import InputError, nearest
from picojoule.files import read_text
from picojoule.search.explore.space import Axis, Space, Value
from picojoule.search.explore.vary import WORDS, check_path, check_value

__all__ = ["load_space", "space_of"]

_LIMITS = {"energy_j": "energy", "latency_s": "latency", "area_mm2": "area"}
_MOST_VALUES = 1000
_TABLE = re.compile(r"\s*\[+\s*(?P<name>[^\[\]\s.]+)")


def load_space(file: str | Path) -> Space:
    """The space in a TOML file's [explore] table.

    Raises InputError for a wrong range, an unknown path (with the nearest) or a value that can't
    be; ChipError for a wrong chip.
    """
    path = Path(file)
    text = read_text(path, MAX_BYTES)
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"bad TOML: {error}", where=path.name) from None
    table = document.get("explore")
    if not isinstance(table, dict):
        raise InputError("no [explore] table", where=path.name, fix="see docs/explore.md")
    known = {"chip", "node_nm", "max", "vary"}
    if odd := sorted(table.keys() - known):
        raise InputError(
            f"unknown key explore.{odd[0]}", where=path.name, fix=nearest(odd[0], known)
        )
    chip = _chip(table, text, path)
    return space_of(chip, table, path.name)


def space_of(chip: Chip, table: Mapping[str, Any], where: str) -> Space:
    """The space that an [explore] table makes on a chip. Raises as load_space does."""
    vary = table.get("vary")
    if not isinstance(vary, Mapping) or not vary:
        raise InputError("nothing varies", where=where, fix="add an [explore.vary] table")
    axes = tuple(_axis(chip, name, told, where) for name, told in _flat(vary, ""))
    node = table.get("node_nm")
    return Space(chip, axes, None if node is None else _positive(node, "node_nm", where),
                 _most(table.get("max", {}), where))  # fmt: skip


def _chip(table: Mapping[str, Any], text: str, path: Path) -> Chip:
    """The chip that the table names, or the one that the rest of its file describes."""
    name = table.get("chip")
    if name is None:
        return _own_chip(text, path)
    if not isinstance(name, str):
        raise InputError("chip is not a name", where=path.name, got=repr(name))
    return load_chip(name if name in catalogue() else path.parent / name)


def _own_chip(text: str, path: Path) -> Chip:
    """The file without its [explore] tables, its lines where they were for messages."""
    kept, inside = [], False
    for line in text.splitlines():
        if header := _TABLE.match(line):
            inside = header["name"] == "explore"
        kept.append("" if inside else line)
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / path.name
        bare.write_text("\n".join(kept), encoding="utf-8")
        return load_chip(bare)


def _flat(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Paths with what was told of them: dots in TOML keys nest tables."""
    for key, told in table.items():
        if isinstance(told, Mapping) and not {"from", "to"} & told.keys():
            yield from _flat(told, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", told


def _axis(chip: Chip, path: str, told: Any, where: str) -> Axis:
    check_path(chip, path)
    values = _range(told, path, where) if isinstance(told, Mapping) else _list(told, path, where)
    if not values:
        raise InputError(f"{path} has no values", where=where, got=repr(told))
    for value in values:
        check_value(chip, path, value)
    if len(set(values)) < len(values):
        raise InputError(f"{path} has a value twice", where=where, got=repr(told))
    return Axis(path, values)


def _list(told: Any, path: str, where: str) -> tuple[Value, ...]:
    if not isinstance(told, list) or len(told) > _MOST_VALUES:
        expected = "a list, or { from=, to=, step= } or { from=, to=, times= }"
        raise InputError(f"{path} is no range", where=where, got=repr(told)[:60], expected=expected)
    return tuple(_value(v, path, where) for v in told)


def _value(told: Any, path: str, where: str) -> Value:
    if isinstance(told, list) and all(isinstance(v, str) for v in told):
        return tuple(told)
    if isinstance(told, str) or (isinstance(told, int | float) and not isinstance(told, bool)):
        return told
    expected = "numbers, words, or lists of words"
    raise InputError(f"{path} can't be {told!r}", where=where, got=repr(told), expected=expected)


def _range(told: Mapping[str, Any], path: str, where: str) -> tuple[Value, ...]:
    """from, from + step, ... or from, from × times, ... up to and with `to`."""
    step_key = "times" if "times" in told else "step"
    if told.keys() != {"from", "to", step_key} or path in WORDS:
        expected = "{ from=, to=, step= } or { from=, to=, times= }"
        raise InputError(f"{path} is no range", where=where, got=dict(told), expected=expected)
    first, last, step = (_positive(told[k], f"{path}.{k}", where) for k in ("from", "to", step_key))
    if first > last or (step_key == "times" and step <= 1):
        raise InputError(f"the range of {path} is empty", where=where, got=dict(told),
                         expected="from ≤ to, and times above 1")  # fmt: skip
    values: list[float] = []
    value = first
    while value <= last * (1 + 1e-12):
        values.append(value)
        value = value * step if step_key == "times" else first + len(values) * step
        if len(values) > _MOST_VALUES:
            raise InputError(f"{path} has too many values", where=where, expected=_MOST_VALUES)
    return tuple(values)


def _positive(value: Any, what: str, where: str) -> Any:
    """The number itself, so that an integer stays one."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and 0 < value < 1e300):
        raise InputError(
            f"{what} is not possible", where=where, got=repr(value), expected="above 0"
        )
    return value


def _most(told: Any, where: str) -> dict[str, float]:
    if not isinstance(told, Mapping):
        raise InputError(
            "max is no table", where=where, got=repr(told), expected="{ area_mm2 = 4 }"
        )
    if odd := sorted(told.keys() - _LIMITS.keys()):
        raise InputError(f"unknown limit {odd[0]!r}", where=where, fix=nearest(odd[0], _LIMITS))
    return {_LIMITS[k]: float(_positive(v, f"max.{k}", where)) for k, v in told.items()}
