"""Chips from TOML: the catalogue, or a file of the user's.

A file is untrusted: its size is checked, unknown fields are refused, and a wrong constant is
reported with its line.
"""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import msgspec

from picojoule.chips.chip import Chip
from picojoule.chips.constants import BadConstantError, normalise
from picojoule.chips.lines import Path as KeyPath
from picojoule.chips.lines import key_lines, line_of
from picojoule.errors import ChipError, nearest

__all__ = ["MAX_BYTES", "catalogue", "chip_schema", "load_chip"]

MAX_BYTES = 1_000_000


def catalogue() -> list[str]:
    """Names of the chips that come with picojoule."""
    return sorted(f.name.removesuffix(".toml") for f in _catalog_files())


def load_chip(name_or_path: str | Path) -> Chip:
    """The chip called `name_or_path` in the catalogue, or described by that TOML file.

    A string is a path when it ends in .toml or holds a slash. Raises ChipError, with the file
    and line, for an unknown name, a file that can't be read, or a constant that is missing or
    impossible.
    """
    file = _find(name_or_path)
    return _parse(_read(file), file.name)


def chip_schema() -> dict[str, Any]:
    """JSON Schema of a chip file."""
    schema = msgspec.json.schema(Chip)
    constant = schema["$defs"]["Constant"]
    # In a file, evidence is a word, and the interval may be left out where it is the value.
    constant["properties"]["evidence"] = {"enum": ["measured", "calibrated", "modelled", "assumed"]}
    constant["required"] = ["value", "source", "evidence"]
    schema["$defs"].pop("Evidence", None)
    return schema


def _catalog_files() -> list[Traversable]:
    folder = resources.files("picojoule.chips") / "catalog"
    return [f for f in folder.iterdir() if f.name.endswith(".toml")]


def _find(name_or_path: str | Path) -> Traversable:
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith(".toml") or "/" in text or "\\" in text:
        return Path(name_or_path)
    files = {f.name.removesuffix(".toml"): f for f in _catalog_files()}
    if text not in files:
        fix = f"{nearest(text, files)} (or the path of a .toml file)"
        raise ChipError(f"unknown chip {text!r}", fix=fix)
    return files[text]


def _read(file: Traversable) -> str:
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ChipError(f"can't read the chip file: {error.strerror}", where=str(file)) from error
    if len(data) > MAX_BYTES:
        raise ChipError(
            "the chip file is too large", where=file.name, got="more", expected=f"{MAX_BYTES} bytes"
        )
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ChipError("the chip file is not UTF-8 text", where=file.name) from error


def _parse(text: str, file: str) -> Chip:
    document, lines = _document(text, file), key_lines(text)
    document.pop("explore", None)  # what `pj explore` may vary is not part of the chip
    try:
        return msgspec.convert(normalise(document), Chip)
    except BadConstantError as error:
        raise ChipError(
            error.what,
            where=_where(file, line_of(error.path, lines)),
            got=error.got,
            expected=error.expected,
            fix=error.fix,
        ) from error
    except msgspec.ValidationError as error:
        raise _shape_error(str(error), file, lines) from error


def _document(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also integers of thousands of digits
        raise _syntax_error(str(error), file) from error


def _where(file: str, line: int | None) -> str:
    return file if line is None else f"{file}:{line}"


def _syntax_error(message: str, file: str) -> ChipError:
    at = re.search(r" \(at line (\d+), column \d+\)", message)
    what = f"bad TOML: {message.replace(at[0], '') if at else message}"
    return ChipError(what, where=_where(file, int(at[1]) if at else None))


def _shape_error(message: str, file: str, lines: dict[KeyPath, int]) -> ChipError:
    """A ChipError from msgspec's 'Expected `x`, got `y` - at `$.memory[0].name`'."""
    what, _, at = message.partition(" - at ")
    keys = re.findall(r"\.\.\.|[\w\-]+", at.strip("`"))
    path = tuple(int(key) if key.isdigit() else key for key in keys)
    if missing := re.search(r"missing required field `(\w+)`", what):
        what, fix = f"missing constant {missing[1]!r}", f"add {missing[1]} = {_form(missing[1])}"
    elif unknown := re.search(r"unknown field `([^`]+)`", what):
        what, fix = f"unknown key {unknown[1]!r}", "see docs/chips.md for the keys of a chip file"
        path = (*path, unknown[1])
    else:
        what = f"{path[-1]}: {what}" if path else what
        fix = "a constant is { value=, low=, high=, source=, evidence= }; see docs/chips.md"
    return ChipError(what, where=_where(file, line_of(path, lines)), fix=fix)


def _form(field: str) -> str:
    texts = {"name": '"..."', "title": '"..."', "fused": "true", "kind": '"gpu"'}
    return texts.get(field, "{ value=, low=, high=, source=, evidence= }")
