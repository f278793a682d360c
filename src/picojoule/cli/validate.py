"""pj validate: how wrong picojoule is on a public set of measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from picojoule.cli.files import write_text
from picojoule.cli.terminal import Json, Output, emit, working, wrote

__all__ = ["validate"]


def validate(
    *,
    data: Annotated[Path, Parameter(help="Folder with the set's files as published.")],
    set_: Annotated[str, Parameter(name="--set", help="The public set, as mlenergy-v3.")],
    output: Output = None,
    json: Json = False,
) -> int:
    """Compare predictions with a public set of measurements.

    Each group (a model, a system) is predicted by a fit that has not seen it.
    """
    from picojoule.calibrate import validate as validate_set
    from picojoule.report.documents_validate import validate_document
    from picojoule.report.text_validate import validation_view

    with working(f"fitting {set_} without each of its groups"):
        document = validate_document(validate_set(data, set_))
    emit(document, lambda: validation_view(document), as_json=json)
    if output is not None:
        from picojoule.report.documents import to_json
        from picojoule.report.html_validate import validation_page

        write_text(output / "report.json", to_json(document))
        write_text(output / "report.html", validation_page(document))
        wrote(output / "report.json", output / "report.html")
    return 0
