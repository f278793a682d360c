"""Every error a user can meet.

PicojouleError                 exit code
├── InputError                 2   the user's model, file, option or data is wrong
│   ├── SpecError              2   a spec file for `pj optimize` or `pj profile`
│   ├── ChipError              2   a chip description: unknown name, missing or negative constant
│   ├── TraceError             2   a model that can't be turned into a Graph
│   └── LedgerError            2   a ledger document, or two ledgers that can't be compared
├── RequirementFailed          1   the answer is known, and it is no
├── Inconclusive               3   the evidence is too weak for an answer
└── MissingError               4   something must be installed, plugged in or permitted
    └── MissingExtra           4   an optional dependency; says the pip line

A message has up to four parts: what is wrong, where, got versus expected, and the fix.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "ChipError",
    "Inconclusive",
    "InputError",
    "LedgerError",
    "MissingError",
    "MissingExtra",
    "PicojouleError",
    "RequirementFailed",
    "SpecError",
    "TraceError",
    "nearest",
]


class PicojouleError(Exception):
    """Base of all errors that picojoule raises on purpose.

    what: one sentence. where: module path, op, or file:line. got, expected: the two sides of
    the disagreement. fix: what to do next.
    """

    exit_code = 2

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        got: object = None,
        expected: object = None,
        fix: str | None = None,
    ) -> None:
        self.what, self.where, self.got, self.expected, self.fix = what, where, got, expected, fix
        super().__init__(what)

    def __str__(self) -> str:
        parts = [self.what if self.where is None else f"{self.where}: {self.what}"]
        if self.expected is not None:
            parts.append(f"  got {self.got}, expected {self.expected}")
        elif self.got is not None:
            parts.append(f"  got {self.got}")
        if self.fix is not None:
            parts.append(f"  fix: {self.fix}")
        return "\n".join(parts)


class InputError(PicojouleError):
    """What the user gave is wrong."""


class SpecError(InputError):
    """A spec file is incomplete or its parts don't fit together."""


class ChipError(InputError):
    """A chip description is unknown or wrong."""


class TraceError(InputError):
    """A model can't be turned into a Graph."""


class LedgerError(InputError):
    """A ledger document is malformed, or two ledgers can't be compared."""


class RequirementFailed(PicojouleError):
    """A stated requirement does not hold."""

    exit_code = 1


class Inconclusive(PicojouleError):
    """The evidence is too weak to decide."""

    exit_code = 3


class MissingError(PicojouleError):
    """A sensor, permission or library is missing."""

    exit_code = 4


class MissingExtra(MissingError):
    """An optional dependency is not installed."""

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(
            f"this needs the module {module!r}, which is not installed",
            fix=f"pip install 'picojoule[{extra}]'",
        )
        self.module, self.extra = module, extra


def nearest(name: str, known: Iterable[str]) -> str:
    """A fix line that suggests the known names closest to `name`."""
    known = sorted(known)
    close = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.4)
    if close:
        return "did you mean " + " or ".join(close) + "?"
    return "known: " + ", ".join(known)
