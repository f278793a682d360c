"""pj chips: what `--on` can name, and where a chip's numbers come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from picojoule.cli.terminal import Json, emit

if TYPE_CHECKING:
    from picojoule.chips import Chip

__all__ = ["chips"]


def chips(
    name: Annotated[str | None, Parameter(help="A chip, or a chip's TOML file.")] = None,
    /,
    *,
    json: Json = False,
) -> int:
    """List the chips, or one chip's constants with their sources."""
    from picojoule.chips import catalogue, load_chip
    from picojoule.report.text_chips import catalogue_view, chip_view

    if name is not None:
        chip = load_chip(name)
        emit(_document(chip), lambda: chip_view(chip), as_json=json)
    else:
        known = [load_chip(n) for n in catalogue()]
        listed = {"schema": "picojoule/chips/1", "chips": [_line(c) for c in known]}
        emit(listed, lambda: catalogue_view(known), as_json=json)
    return 0


def _line(chip: Chip) -> dict[str, Any]:
    return {"name": chip.name, "title": chip.title, "kind": chip.kind, "hash": chip.hash}


def _document(chip: Chip) -> dict[str, Any]:
    from picojoule.report.appendix import constant_rows

    rows = constant_rows(chip)
    return {"schema": "picojoule/chip/1", **_line(chip), "constants": rows}
