"""Work: the joules and seconds whose footprint is asked for, from whatever knows them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from picojoule.carbon.amounts import exact, known, times, unavailable
from picojoule.errors import InputError, LedgerError
from picojoule.ledger import Ledger
from picojoule.quantity import Evidence, Quantity

__all__ = ["Work", "work_of"]


@dataclass(frozen=True)
class Work:
    """energy in J and time in s of the IT equipment. coverage: share of what uses energy that is
    in `energy`. chip: what ran it, where known."""

    title: str
    energy: Quantity
    time: Quantity
    coverage: float = 1.0
    chip: str | None = None
    missing: tuple[str, ...] = ()

    def repeated(self, runs: float) -> Work:
        """The same work, `runs` times."""
        energy, time = times("J", runs, self.energy), times("s", runs, self.time)
        return replace(self, energy=energy, time=time)


def work_of(what: Any) -> Work:
    """The work of a Ledger, a measurement, a document of `pj profile|measure|run --json`, a
    Quantity in J, or a number of joules.

    Raises InputError for a negative energy and for what has no joules.
    """
    if isinstance(what, Ledger):
        return _ledger_work(what)
    if isinstance(what, Quantity):
        return Work("energy", _checked(what), unavailable("s"))
    if isinstance(what, int | float) and not isinstance(what, bool):
        return Work("energy", _checked(exact(float(what), "J")), unavailable("s"))
    if isinstance(what, Mapping):
        return _document_work(what)
    if hasattr(what, "to_dict"):
        return _document_work(what.to_dict())
    raise InputError("no energy in this", got=type(what).__name__,
                     expected="a ledger, a measurement, a document or joules")  # fmt: skip


def _ledger_work(ledger: Ledger) -> Work:
    total = ledger.total()
    if not len(ledger) or total.energy.evidence is Evidence.UNAVAILABLE:
        fix = "a footprint needs at least one row with a known energy"
        raise LedgerError("a ledger without joules", got=f"{len(ledger)} rows", fix=fix)
    time = total.time if total.time.value > 0 else unavailable("s")
    title = str(ledger.meta.get("model") or "ledger")
    chip = ledger.meta.get("chip")
    return Work(title, _checked(total.energy), time, total.coverage,
                str(chip) if chip else None, total.missing)  # fmt: skip


def _document_work(document: Mapping[str, Any]) -> Work:
    schema = document.get("schema")
    if schema == "picojoule/profile/1":
        return _ledger_work(_ledger(document.get("ledger")))
    if schema == "picojoule/ledger/1":
        return _ledger_work(Ledger.from_dict(document))
    if schema == "picojoule/measure/1":
        ledger = _ledger_work(_ledger(document.get("ledger")))
        title, time = str(document.get("name", "call")), _time(_quantity(document, "time", "s"))
        return replace(ledger, title=title, energy=_checked(_quantity(document, "energy", "J")),
                       time=time, chip=None)  # fmt: skip
    if schema == "picojoule/run/1":
        ledger = _ledger_work(_ledger(document.get("ledger")))
        return replace(ledger, title="run", time=_seconds(document.get("seconds")), chip=None)
    fix = "make one with: pj profile|measure|run ... --json"
    raise InputError("not a document with joules", got=schema, fix=fix)


def _ledger(document: Any) -> Ledger:
    if not isinstance(document, Mapping):
        raise LedgerError("the document holds no ledger")
    return Ledger.from_dict(document)


def _quantity(document: Mapping[str, Any], name: str, unit: str) -> Quantity:
    found = document.get(name)
    if not isinstance(found, Mapping) or found.get("unit") != unit:
        raise InputError(f"the document lacks {name!r} in {unit}")
    numbers = [found.get(end) for end in ("value", "low", "high")]
    if not all(_number(n) for n in numbers):
        return unavailable(unit)
    value, low, high = (float(n) for n in numbers if n is not None)
    return Quantity(value, low, high, unit, Evidence.of(str(found.get("evidence"))))


def _seconds(value: Any) -> Quantity:
    return _time(
        exact(float(value), "s", Evidence.MEASURED) if _number(value) else unavailable("s")
    )


def _time(time: Quantity) -> Quantity:
    if known(time) and not 0 < time.low <= time.value <= time.high < math.inf:
        raise InputError("a time must be above 0", got=str(time))
    return time


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _checked(energy: Quantity) -> Quantity:
    if energy.unit != "J":
        raise InputError("not an energy", got=energy.unit or "no unit", expected="J")
    if energy.evidence is Evidence.UNAVAILABLE:
        raise InputError("an energy that is unavailable has no footprint")
    if not 0 <= energy.low <= energy.value <= energy.high < math.inf:
        raise InputError("an energy can't be negative or infinite", got=str(energy))
    return energy
