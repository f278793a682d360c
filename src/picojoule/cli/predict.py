"""pj predict: joules of the configurations in a public table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from picojoule.cli.terminal import Json, emit, wrote

__all__ = ["predict"]


def predict(
    table: Annotated[Path, Parameter(help="CSV of configurations, in the set's own columns.")],
    /,
    *,
    set_: Annotated[str, Parameter(name="--set", help="The public set, as mlenergy-v3.")],
    given: Annotated[
        Path | None, Parameter(help="CSV of measured rows that may be used to calibrate.")
    ] = None,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="CSV to write.")],
    json: Json = False,
) -> int:
    """Predict the joules of rows of a public table.

    Writes the rows as they are, with predicted_j, low_j, high_j (90%), evidence and reason.
    A row that can't be predicted is kept: unavailable, with the reason.
    """
    from picojoule.calibrate import predict as predict_rows
    from picojoule.report.documents_validate import predict_document
    from picojoule.report.text_validate import prediction_view

    document = predict_document(set_, predict_rows(table, set_, given=given, out=output))
    wrote(output)
    emit(document, lambda: prediction_view(document), as_json=json)
    return 0
