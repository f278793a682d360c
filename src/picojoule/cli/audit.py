"""pj audit: which layers of a spiking model see real numbers, and so multiply."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from picojoule.cli.terminal import Json, emit, working

if TYPE_CHECKING:
    from picojoule.cost.event import Audit, LayerAudit

__all__ = ["audit"]


def audit(
    spec: Annotated[Path, Parameter(help="Python file with `model` and `calibration`.")],
    /,
    *,
    steps: Annotated[int, Parameter(help="Time steps that the model folds into its batch.")] = 1,
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
    from picojoule.spec import load_spec

    with working("running the first batch"):
        found = load_spec(spec)
        recordings = record(found.model, *found.calibration[0], steps=steps)
    result = look_at(recordings, claimed)
    emit(_document(result), lambda: Text(str(result)), as_json=json)
    return 1 if result.broken else 0


def _document(found: Audit) -> dict[str, Any]:
    layers = [_layer(layer) for layer in found.layers]
    return {"schema": "picojoule/audit/1", "mac_share": found.mac_share, "layers": layers}


def _layer(x: LayerAudit) -> dict[str, Any]:
    return {
        "name": x.name,
        "inputs": x.seen.kind.value,
        "levels": x.seen.levels,
        "density": x.seen.density,
        "macs": x.counts.macs,
        "additions": x.counts.acs,
        "claimed": x.claimed,
        "multiplies": x.seen.multiplies,
        "same_input_in_every_step": x.repeated,
    }
