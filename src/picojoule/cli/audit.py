"""pj audit: which layers of a spiking model see real numbers, and so multiply."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from picojoule.cli.bounds import within
from picojoule.cli.terminal import Json, emit, working

__all__ = ["audit"]


def audit(
    spec: Annotated[Path, Parameter(help="Python file with `model` and `calibration`.")],
    /,
    *,
    steps: Annotated[
        int, Parameter(help="Time steps that the model folds into its batch."), within(1)
    ] = 1,
    claimed: Annotated[
        list[str] | None, Parameter(help="Layers said to be spike-driven. Default: all.")
    ] = None,
    json: Json = False,
) -> int:
    """Look at what each linear layer of a spiking model is given: spikes, integers or reals.

    Exits with 1 when a layer that is said to be spike-driven multiplies.
    """
    from rich.text import Text

    from picojoule.cost.event import audit as look_at
    from picojoule.cost.event import record
    from picojoule.report.documents_audit import audit_document
    from picojoule.spec import load_spec

    with working("running the first batch"):
        found = load_spec(spec)
        recordings = record(found.model, *found.calibration[0], steps=steps)
    result = look_at(recordings, claimed)
    emit(audit_document(result), lambda: Text(str(result)), as_json=json)
    return 1 if result.broken else 0
