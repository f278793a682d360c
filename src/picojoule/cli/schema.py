"""pj schema: the published JSON Schemas."""

from __future__ import annotations

import sys
from importlib import resources
from typing import Annotated

from cyclopts import Parameter

from picojoule.errors import InputError, nearest

__all__ = ["schema"]


def schema(
    name: Annotated[str | None, Parameter(help="The document; without it, list them.")] = None, /
) -> int:
    """Print the JSON Schema of a document."""
    folder = resources.files("picojoule.report") / "schemas"
    known = sorted(f.name.removesuffix(".json") for f in folder.iterdir())
    if name is None:
        sys.stdout.writelines(f"{k}\n" for k in known)
        return 0
    if name not in known:
        raise InputError(f"no schema {name!r}", fix=nearest(name, known))
    sys.stdout.write((folder / f"{name}.json").read_text("utf-8"))
    return 0
