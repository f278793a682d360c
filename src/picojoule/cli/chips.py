"""pj chips: what `--on` can name, and where a chip's numbers come from."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from picojoule.cli.terminal import Json, emit

__all__ = ["chips"]


def chips(
    name: Annotated[str | None, Parameter(help="A chip, or a chip's TOML file.")] = None,
    /,
    *,
    json: Json = False,
) -> int:
    """List the chips, or one chip's constants with their sources."""
    from picojoule.chips import catalogue, load_chip
    from picojoule.report.documents_chips import chip_document, chips_document
    from picojoule.report.text_chips import catalogue_view, chip_view

    if name is not None:
        chip = load_chip(name)
        emit(chip_document(chip), lambda: chip_view(chip), as_json=json)
    else:
        known = [load_chip(n) for n in catalogue()]
        emit(chips_document(known), lambda: catalogue_view(known), as_json=json)
    return 0
