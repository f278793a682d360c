"""Lazy imports of optional dependencies, with the pip line in the error."""

from __future__ import annotations

import importlib
from types import ModuleType

from picojoule.errors import MissingExtra

__all__ = ["require"]


def require(module: str, extra: str) -> ModuleType:
    """Import `module`, which the extra `extra` installs.

    Raises MissingExtra when the module, or one that it needs, is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or module, extra) from error
