"""pj factors: the numbers behind a footprint, with their years and sources."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from picojoule.cli.terminal import Json, emit
from picojoule.errors import InputError, nearest

if TYPE_CHECKING:
    from picojoule.carbon import Factor, Factors

__all__ = ["FactorFile", "factors"]

FactorFile = Annotated[
    Path | None,
    Parameter(name="--factors", help="TOML file whose factors take the place of the built-in."),
]


def factors(
    name: Annotated[str | None, Parameter(help="A region or device, as FRA or h100-sxm.")] = None,
    /,
    *,
    kind: Annotated[str | None, Parameter(help="grid, hardware, pue, ... Default: all.")] = None,
    own: FactorFile = None,
    json: Json = False,
) -> int:
    """List the factors of carbon, water and resources, with their years and sources."""
    from picojoule.carbon import load_factors
    from picojoule.report.documents_footprint import factors_document
    from picojoule.report.text_footprint import factor_view, factors_view

    tables = load_factors(own)
    found = _found(tables, name, kind)
    view = factors_view if name is None else factor_view
    emit(factors_document(found), lambda: view(found), as_json=json)
    return 0


def _found(tables: Factors, name: str | None, kind: str | None) -> list[Factor]:
    from picojoule.carbon.factor import UNITS

    if kind is not None and kind not in UNITS:
        raise InputError(f"unknown kind of factor {kind!r}", fix=nearest(kind, UNITS))
    chosen = [f for f in tables.by_key.values() if kind in (None, f.kind)]
    if name is not None:
        asked = name.lower()
        names = {f.name.lower() for f in chosen} | {f.title.lower() for f in chosen}
        chosen = [f for f in chosen if asked in (f.name.lower(), f.title.lower())]
        if not chosen:
            raise InputError(f"no factor for {name!r}", fix=nearest(name, names))
    order = {k: n for n, k in enumerate(UNITS)}
    return sorted(chosen, key=lambda f: (order[f.kind], f.name))
