"""Line numbers of the keys of a TOML document, for error messages. tomllib doesn't keep them."""

from __future__ import annotations

import re

__all__ = ["Path", "key_lines", "line_of"]

Path = tuple[str | int, ...]

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"""\s*((?:[\w.\-\s]|"[^"]*"|'[^']*')+?)\s*=""")
_PART = re.compile(r"""[\w\-]+|"[^"]*"|'[^']*'""")


def key_lines(text: str) -> dict[Path, int]:
    """The line (from 1) of every table header and every `key =` line, by path."""
    lines: dict[Path, int] = {}
    arrays: dict[Path, int] = {}
    table: Path = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _resolve(_parts(header[2]), arrays, opens=header[1] == "[[")
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            path = (*table, *_parts(key[1]))
            for end in range(len(table) + 1, len(path) + 1):
                lines.setdefault(path[:end], number)
    return lines


def line_of(path: Path, lines: dict[Path, int]) -> int | None:
    """The line of `path`, or of its closest ancestor that has one. '...' matches any one key."""
    ancestors = (path[:end] for end in range(len(path), 0, -1))
    hits = (number for a in ancestors for key, number in lines.items() if _match(a, key))
    return next(hits, None)


def _match(path: Path, key: Path) -> bool:
    return len(path) == len(key) and all(p in (k, "...") for p, k in zip(path, key, strict=True))


def _parts(text: str) -> Path:
    return tuple(part.strip("\"'") for part in _PART.findall(text))


def _resolve(parts: Path, arrays: dict[Path, int], *, opens: bool) -> Path:
    """A header's path with the index of each array of tables on it."""
    path: Path = ()
    for i, part in enumerate(parts):
        path = (*path, part)
        if opens and i == len(parts) - 1:
            arrays[path] = arrays.get(path, -1) + 1
        if path in arrays:
            path = (*path, arrays[path])
    return path
