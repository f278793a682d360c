"""A chip as a TOML file, which `load_chip` reads back to the same numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from picojoule.chips import Chip
from picojoule.quantity import Evidence

__all__ = ["to_toml"]


def to_toml(chip: Chip, title: str | None = None) -> str:
    """The file of `chip`, with its hash. title: in place of its own; prose isn't in the hash."""
    tree = {k: v for k, v in msgspec.to_builtins(chip).items() if k != "sources"}
    return "\n".join(_table({**tree, "title": title or chip.title}, "")) + "\n"


def _table(table: Mapping[str, Any], path: str) -> Iterator[str]:
    """Its plain values first, then the tables in it."""
    kept = {k: v for k, v in table.items() if v is not None}
    tables = {k: v for k, v in kept.items() if _is_table(v)}
    yield from (f"{_key(k)} = {_value(v)}" for k, v in kept.items() if k not in tables)
    for key, inner in tables.items():
        name = f"{path}{_key(key)}"
        many = not isinstance(inner, dict)
        for one in inner if many else (inner,):
            yield f"\n[[{name}]]" if many else f"\n[{name}]"
            yield from _table(one, f"{name}.")


def _is_table(value: Any) -> bool:
    if isinstance(value, dict):
        return "evidence" not in value
    return isinstance(value, list | tuple) and bool(value) and isinstance(value[0], dict)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        word = {**value, "evidence": Evidence(value["evidence"]).word}
        return "{ " + ", ".join(f"{k} = {_value(v)}" for k, v in word.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str):  # JSON's escapes are TOML's, but for DEL
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key)
