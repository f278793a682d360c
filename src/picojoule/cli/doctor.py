"""pj doctor: which energy sensors are here, what is missing, and what can be expected."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

import picojoule as pj
from picojoule.cli.terminal import Json, emit, working

if TYPE_CHECKING:
    from picojoule.meter.checkup import Checkup

__all__ = ["Require", "doctor"]

Require = Annotated[
    Literal["measured", "calibrated", "modelled"] | None,
    Parameter(help="Exit with 4 when the evidence here is weaker."),
]

_FULL_S, _QUICK_S = 10.0, 1.0


def doctor(
    *,
    require: Require = None,
    quick: Annotated[
        bool, Parameter(help="A self-test of 1 s instead of 10 s.", show_default=False)
    ] = False,
    json: Json = False,
) -> int:
    """List the energy sensors, what is missing, and how to enable it.

    Tests each sensor at rest and under load, and says which evidence to expect.
    With --require, exits with 4 when it is too weak.
    """
    from picojoule.meter.checkup import doctor as examine
    from picojoule.quantity import Evidence

    seconds = _QUICK_S if quick else _FULL_S
    with working(f"testing the sensors for {seconds:.0f} s"):
        found = examine(seconds=seconds)
    emit(found.to_dict(), lambda: view(found), as_json=json)
    if require is not None:
        found.check(pj.Evidence.of(require) if require else Evidence.ASSUMED)
    return 0


def view(found: Checkup) -> Any:
    """The verdict, a line per domain, and what is missing."""
    from rich.console import Group

    from picojoule.report.console import Col, Sheet, cell, heading, note_lines, warning_line
    from picojoule.report.words import amount

    sheet = Sheet([Col("domain", right=False), Col("scope", right=False), Col("idle"),
                   Col("load"), Col("", right=False), Col("tick", drop=1),
                   Col("note", right=False, wrap=True)])  # fmt: skip
    for domain in (d for s in found.sensors for d in s.domains):
        d = domain.domain
        part = f"part of {d.parts_of}" if d.parts_of else ""
        note = domain.problem or part or ("" if domain.counted else "inside another domain")
        sheet.add(
            d.name, f"{d.component}, {d.scope.value}", amount(domain.idle.value, "W"),
            amount(domain.load.value, "W"), domain.evidence.glyph,
            amount(domain.tick_s, "s") if math.isfinite(domain.tick_s) else "–",
            cell(note, style="yellow" if domain.problem else "dim"),
        )  # fmt: skip
    missing = [text for s in found.sensors for text in s.missing]
    title = heading if found.evidence is pj.Evidence.MEASURED else warning_line
    table = [sheet] if sheet.rows else []
    costs = [f"one read of {s.name} takes {amount(s.read_s, 's')}" for s in found.sensors
             if math.isfinite(s.read_s)]  # fmt: skip
    return Group(title(found.verdict), *table, *note_lines([*missing, *costs]))
