"""Scalars of a strict subset of YAML: plain, single- and double-quoted, on one line."""

from __future__ import annotations

import re
import sys

from picojoule.errors import InputError

__all__ = ["MAX_VALUE", "plain", "quoted", "scalar"]

MAX_VALUE = 4096

_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "n": "\n", "t": "\t", "r": "\r", "0": "\0"}
_ESCAPE = re.compile(r'\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(["\\/ntr0]))')


def scalar(rest: str, number: int) -> str:
    """The text after `key:` on line `number`. Raises InputError for what is not in the subset."""
    text = rest.strip()
    if len(text) > MAX_VALUE:
        raise InputError("the value is too long", where=f"line {number}", expected=MAX_VALUE)
    if text.startswith('"'):
        return _unquoted(text, number)
    if text.startswith("'"):
        match = re.fullmatch(r"'((?:[^']|'')*)'(?:\s+#.*)?", text)
        if match is None:
            raise InputError("the quote does not end", where=f"line {number}", got=text[:40])
        return match[1].replace("''", "'")
    bare = plain(text)
    if bare[:1] in tuple("[]{}&*!|>%@`?-,") or ": " in bare or bare.endswith(":"):
        fix = 'put it in "quotes"'
        raise InputError("not a plain value", where=f"line {number}", got=bare[:40], fix=fix)
    return bare


def plain(text: str) -> str:
    """A plain scalar without its comment; null is nothing."""
    bare = re.sub(r"(^|\s)#.*$", "", text.strip()).strip()
    return "" if bare in ("null", "~", "Null", "NULL") else bare


def _unquoted(text: str, number: int) -> str:
    match = re.fullmatch(r'"((?:[^"\\]|\\.)*)"(?:\s+#.*)?', text)
    body = None if match is None else match[1]
    if body is None or "\\" in _ESCAPE.sub("", body):
        raise InputError("not a quoted value", where=f"line {number}", got=text[:40])
    return _ESCAPE.sub(lambda found: _character(found, number), body)


def _character(found: re.Match[str], number: int) -> str:
    if found[4] is not None:
        return _ESCAPES[found[4]]
    code = int(found[1] or found[2] or found[3], 16)
    if code > sys.maxunicode or 0xD800 <= code < 0xE000:
        raise InputError("not a character", where=f"line {number}", got=found[0])
    return chr(code)


def quoted(text: str) -> str:
    """Any text as a double-quoted scalar."""
    return '"' + "".join(_escaped(c) for c in text) + '"'


def _escaped(c: str) -> str:
    if c in '"\\':
        return "\\" + c
    return c if c.isprintable() else f"\\U{ord(c):08x}"
