"""Rewrites of torch models: match, replace, and whether the result is the same function.

One Protocol; `exact` is part of each rewrite's type. An exact one may be applied without asking
the accuracy again, up to rounding; an inexact one may not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

__all__ = ["Rewrite", "Rewritten"]


@dataclass(frozen=True, slots=True)
class Rewritten:
    """model: a changed copy. changed: module path -> what it is now. skipped: path -> why."""

    model: Any
    changed: Mapping[str, str]
    skipped: Mapping[str, str]


class Rewrite(Protocol):
    """Replaces parts of a model."""

    exact: ClassVar[bool]

    def apply(self, model: Any) -> Rewritten:
        """A changed copy; the input is unchanged. Raises InputError when nothing matches."""
        ...
