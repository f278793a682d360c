"""A chip with other parameters, by their paths in a chip file, and what must move with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from picojoule.chips import Chip
from picojoule.cost.spatial.machine import machine_of
from picojoule.errors import InputError, nearest
from picojoule.search.explore.follow import in_format, leak, resize_memories, speed_up
from picojoule.search.explore.tables import mac_energy_j

__all__ = ["WORDS", "check_path", "check_value", "parameters", "vary"]

WORDS = {"format": (), "mapping": ("energy", "latency", "edp")}
"""Axes that are no constant of a chip file."""

_PROSE = ("name", "title", "kind", "source", "sources", "evidence")
_MAY_LACK = ("stationary", "partial_bits")


def parameters(chip: Chip) -> list[str]:
    """Paths of everything that can vary."""
    return [*sorted(WORDS), *_leaves(_tree(chip), "")]


def check_path(chip: Chip, path: str) -> None:
    """Raises InputError for a path that the chip doesn't have, with the nearest that it has."""
    known = parameters(chip)
    if path not in known:
        last = path.rpartition(".")[2]
        same_end = [k for k in known if k.rpartition(".")[2] == last]
        fix = nearest(path, same_end or known)
        raise InputError(f"chip {chip.name!r} has no parameter {path!r}", got=path, fix=fix)


def check_value(chip: Chip, path: str, value: Any) -> None:
    """Raises InputError for a value that the parameter can't take."""
    if path == "format":
        if not any(value in u.pj for u in chip.compute if "contraction" in u.kinds):
            mac_energy_j(str(value))
    elif path in WORDS:
        if value not in WORDS[path]:
            raise InputError(f"no {path} {value!r}", fix=nearest(str(value), WORDS[path]))
    else:
        _with_values(chip, {path: value})


def vary(chip: Chip, values: Mapping[str, Any], node_nm: float | None = None) -> Chip:
    """`chip` with these values, by path, and all that follows from them.

    Raises InputError for a path or a value that isn't possible, ChipError for a hierarchy that
    doesn't hold together.
    """
    own = {path: value for path, value in values.items() if path not in WORDS}
    made = _with_values(chip, own)
    made = resize_memories(chip, made, own)
    made = speed_up(chip, made, own)
    if "format" in values:
        made = in_format(made, values["format"])
    if made.spatial is not None:
        machine_of(made)
    return made if "idle_w" in own else leak(chip, made, node_nm)


def _tree(chip: Chip) -> Any:
    return msgspec.json.decode(msgspec.json.encode(chip))


def _leaves(node: Any, path: str) -> Iterator[str]:
    """Paths of constants, counts, words and lists of words."""
    if isinstance(node, list) and node and all(isinstance(n, dict) for n in node):
        for member in node:
            yield from _leaves(member, f"{path}{member['name']}.")
    elif isinstance(node, dict) and "evidence" not in node:
        for key, child in node.items():
            if key not in _PROSE and (child is not None or key in _MAY_LACK):
                yield from _leaves(child, f"{path}{key}.")
    elif not isinstance(node, bool):
        yield path.rstrip(".")


def _with_values(chip: Chip, values: Mapping[str, Any]) -> Chip:
    made, tree = chip, _tree(chip)
    for path, value in values.items():
        try:
            _set(tree, path.split("."), value)
            made = msgspec.convert(tree, Chip)
        except (msgspec.ValidationError, TypeError) as error:
            what = f"{path} can't be {value!r}"
            expected = str(error).partition(" - at")[0]
            raise InputError(what, got=repr(value), expected=expected) from None
    return made


def _set(node: Any, path: list[str], value: Any) -> None:
    key, rest = path[0], path[1:]
    if isinstance(node, list):
        _set(next(n for n in node if n["name"] == key), rest, value)
    elif rest:
        _set(node[key], rest, value)
    elif isinstance(node[key], dict):
        node[key] = _moved(node[key], value)
    elif isinstance(node[key], int) and not (isinstance(value, int) and value >= 1):
        raise TypeError("a whole number of at least 1")
    else:
        node[key] = list(value) if isinstance(value, tuple) else value


def _moved(constant: dict[str, Any], value: Any) -> dict[str, Any]:
    """A constant at another value, its interval as wide in proportion."""
    if not isinstance(value, int | float) or not 0 < value < 1e300:
        raise TypeError("a finite number above 0")
    ratio = value / constant["value"]
    ends = {end: constant[end] * ratio for end in ("low", "high")}
    return {
        **constant,
        **ends,
        "value": float(value),
        "source": f"varied from: {constant['source']}",
    }
