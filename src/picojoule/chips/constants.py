"""Checks of a chip file's constants, before it becomes a Chip.

A constant is a table `{ value=, low=, high=, source=, evidence= }`. low and high are mandatory
for energies and powers, whose published values differ by factors; elsewhere they default to the
value. source may be a key of the file's [sources].
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from picojoule.chips.lines import Path
from picojoule.errors import InputError, nearest
from picojoule.formats import parse_format
from picojoule.quantity import Evidence

__all__ = ["BadConstantError", "normalise"]

_NUMBERS = ("value", "low", "high")
_KEYS = {*_NUMBERS, "source", "evidence"}
_WORDS = [e.word for e in Evidence if e is not Evidence.UNAVAILABLE]


class BadConstantError(Exception):
    """A constant is wrong; `path` says where in the file."""

    def __init__(
        self,
        path: Path,
        what: str,
        *,
        got: object = None,
        expected: object = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(what)
        self.path, self.what, self.got, self.expected, self.fix = path, what, got, expected, fix


def normalise(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The document with every constant completed and every format name canonical.

    Raises BadConstantError for the first constant that is incomplete or impossible.
    """
    sources = tree.get("sources", {})
    cited = sources if isinstance(sources, Mapping) else {}
    document: dict[str, Any] = _walk(_completed(tree), (), cited)
    for table in ("[[memory]]", "[[compute]]", "[runtime.NAME]"):
        if not document.get(table.strip("[]").partition(".")[0]):
            raise BadConstantError((), f"a chip needs a {table} table", fix="see docs/chips.md")
    _check_units(document)
    return document


def _completed(tree: Mapping[str, Any]) -> Mapping[str, Any]:
    """A memory that doesn't say how it writes does so as it reads, and reaches its peak."""
    levels = tree.get("memory")
    if not isinstance(levels, list):
        return tree
    return {**tree, "memory": [_full(m) if isinstance(m, Mapping) else m for m in levels]}


def _full(memory: Mapping[str, Any]) -> Mapping[str, Any]:
    peak = {"value": 1.0, "source": "not stated: the peak is reached", "evidence": "assumed"}
    read = memory.get("read_pj_per_bit")
    write = {"write_pj_per_bit": read} if read is not None else {}
    return {"efficiency": peak, **write, **memory}


def _walk(node: Any, path: Path, sources: Mapping[str, Any]) -> Any:
    if isinstance(node, list):
        return [_walk(item, (*path, i), sources) for i, item in enumerate(node)]
    if not isinstance(node, Mapping):
        return node
    if _KEYS & node.keys() and path:
        return _constant(node, path, sources)
    rename = _format_name if _keyed_by_format(path) else _same
    return {
        rename(key, (*path, key)): _walk(item, (*path, key), sources) for key, item in node.items()
    }


def _keyed_by_format(path: Path) -> bool:
    in_runtime = path[:1] == ("runtime",) and path[-1:] == ("efficiency",)
    in_unit = path[:1] in (("compute",), ("pim",)) and path[-1] in ("peak_op_s", "pj")
    return in_unit or in_runtime


def _same(key: str, path: Path) -> str:
    return key


def _format_name(key: str, path: Path) -> str:
    try:
        return parse_format(key).name
    except InputError as error:
        raise BadConstantError(path, error.what, got=error.got, expected=error.expected) from error


def _constant(node: Mapping[str, Any], path: Path, sources: Mapping[str, Any]) -> dict[str, Any]:
    name = _label(path)
    if unknown := node.keys() - _KEYS:
        word = sorted(unknown)[0]
        raise BadConstantError(path, f"{name}: unknown key {word!r}", fix=nearest(word, _KEYS))
    needed = ["value", "source", "evidence", *(["low", "high"] if _is_energy(path) else [])]
    if missing := [key for key in needed if key not in node]:
        why = "an energy or power needs its interval" if _is_energy(path) else None
        raise BadConstantError(path, f"{name} lacks {', '.join(missing)}", fix=why)
    numbers = {key: _number(node.get(key, node["value"]), path) for key in _NUMBERS}
    _check_order(numbers, path)
    source = _source(node["source"], path, sources)
    return {**numbers, "source": source, "evidence": int(_evidence(node["evidence"], path))}


def _label(path: Path) -> str:
    """'pj.fp32' for ('compute', 0, 'pj', 'fp32')."""
    start = max((i + 1 for i, part in enumerate(path) if isinstance(part, int)), default=0)
    return ".".join(str(part) for part in path[start:])


def _is_energy(path: Path) -> bool:
    name = str(path[-1])
    return name.endswith(("_pj_per_bit", "_w", "_w_per_core")) or "pj" in path[-2:-1]


def _number(value: object, path: Path) -> float:
    number = math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        # TOML integers have no upper bound; floats do.
        number = float(value) if abs(value) < 1e300 else math.inf
    if not (math.isfinite(number) and number > 0):
        expected = "a finite number above 0"
        raise BadConstantError(
            path, f"{_label(path)} is not possible", got=repr(value), expected=expected
        )
    return number


def _short(value: object) -> str:
    return (
        f"{type(value).__name__} {str(value)[:40]!r}"
        if isinstance(value, str)
        else f"{value!r:.40}"
    )


def _check_order(n: Mapping[str, float], path: Path) -> None:
    if not n["low"] <= n["value"] <= n["high"]:
        got = f"low={n['low']:g}, value={n['value']:g}, high={n['high']:g}"
        raise BadConstantError(
            path,
            f"{_label(path)} is outside its interval",
            got=got,
            expected="low <= value <= high",
        )
    if "efficiency" in path and n["high"] > 1:
        what = f"{_label(path)}: a share of a peak can't exceed 1"
        raise BadConstantError(path, what, got=f"{n['high']:g}", expected="at most 1")


def _source(source: object, path: Path, sources: Mapping[str, Any]) -> str:
    if not isinstance(source, str) or not source.strip():
        what = f"{_label(path)} has no source"
        raise BadConstantError(
            path, what, got=repr(source), expected="a citation or its derivation"
        )
    cited = {key: text for key, text in sources.items() if isinstance(text, str)}
    if source in cited:
        return cited[source]
    # '[key] rest' cites a shared source and adds its own derivation.
    spelled = re.sub(r"^\[(\w+)\] (?=.)", lambda m: f"{cited.get(m[1], m[0])}: ", source)
    return re.sub(r"\[(\w+)\]", lambda m: f"({cited[m[1]]})" if m[1] in cited else m[0], spelled)


def _evidence(word: object, path: Path) -> Evidence:
    if word not in _WORDS:
        what = f"{_label(path)}: unknown evidence class"
        raise BadConstantError(path, what, got=repr(word), expected=", ".join(_WORDS))
    return Evidence.of(str(word))


def _check_units(document: Mapping[str, Any]) -> None:
    """Each format of a unit has both a speed and an energy."""
    pim = document.get("pim")
    inside = pim.get("unit") if isinstance(pim, Mapping) else None
    _check_formats(("compute",), document["compute"])
    _check_formats(("pim", "unit"), inside if isinstance(inside, list) else [])


def _check_formats(path: Path, units: Sequence[Any]) -> None:
    for i, unit in enumerate(u for u in units if isinstance(u, Mapping)):
        peaks, energies = unit.get("peak_op_s", {}), unit.get("pj", {})
        if odd := sorted(set(peaks) ^ set(energies)):
            have, lack = ("peak_op_s", "pj") if odd[0] in peaks else ("pj", "peak_op_s")
            what = f"missing constant {lack}.{odd[0]}: the unit has only {have}.{odd[0]}"
            raise BadConstantError((*path, i, have, odd[0]), what)
