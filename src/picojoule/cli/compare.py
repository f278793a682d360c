"""pj compare: what changed between two profiles, and whether the evidence can tell."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from picojoule.cli.files import read_json
from picojoule.cli.terminal import Json, emit, say
from picojoule.errors import LedgerError, PicojouleError
from picojoule.ledger import Ledger
from picojoule.quantity import parse_fraction

__all__ = ["compare"]

_CODES = {"within": 0, "exceeded": 1, "inconclusive": 3}


def compare(
    old: Annotated[Path, Parameter(help="report.json of the state to compare with.")],
    new: Annotated[Path, Parameter(help="report.json of the new state.")],
    /,
    *,
    max_increase: Annotated[
        str | None, Parameter(help="Largest increase of energy that passes, as 2%.")
    ] = None,
    json: Json = False,
) -> int:
    """Compare two profiles, layer by layer.

    With --max-increase, exits with 1 when energy grew by more.
    Exits with 3 when the evidence can't tell.
    """
    import picojoule.comparison

    bound = None if max_increase is None else parse_fraction(max_increase)
    before, after = _ledger(old), _ledger(new)
    _warn(before, after)
    comparison = picojoule.comparison.compare(before, after)
    emit(*_views(comparison, bound), as_json=json)
    return 0 if bound is None else _CODES[comparison.verdict(bound)]


def _warn(old: Ledger, new: Ledger) -> None:
    """A comparison across models or chips is allowed, but never in silence."""
    for key in ("model", "chip", "runtime"):
        if old.meta.get(key) != new.meta.get(key):
            say(f"warning: {key}: {old.meta.get(key)} / {new.meta.get(key)}")


def _views(comparison: Any, bound: float | None) -> tuple[Any, Any]:
    from picojoule.report.profile import compare_document
    from picojoule.report.text_compare import comparison_view

    return compare_document(comparison, bound), lambda: comparison_view(comparison, bound)


def _ledger(path: Path) -> Ledger:
    """The ledger in a report.json, or in the output of `pj profile --json`."""
    from picojoule.report.documents import LedgerDocument, read_as

    document = read_json(path)
    if isinstance(document, dict) and document.get("schema") == "picojoule/profile/1":
        document = document.get("ledger")
    if not isinstance(document, dict) or document.get("schema") != "picojoule/ledger/1":
        got = document.get("schema") if isinstance(document, dict) else type(document).__name__
        fix = "make one with: pj profile MODEL -o DIR"
        raise LedgerError("not a profile", where=str(path), got=got, fix=fix)
    read_as(LedgerDocument, document, where=str(path))
    try:
        return Ledger.from_dict(document)
    except PicojouleError as error:
        error.where = f"{path}: {error.where}" if error.where else str(path)
        raise
