"""Ledger: the one table of joules.

A row is one component of one op: its arithmetic, the bytes of one operand at one memory level,
its launch, the static power while it runs. Measured, calibrated and modelled joules are the same
row type. Columns are numpy arrays; joules and seconds are plain SI.

| component | count                  | level        | operand                          |
|-----------|------------------------|--------------|----------------------------------|
| mac       | multiply-accumulates   | compute unit | the format computed in           |
| vector    | elementwise operations | compute unit | the format computed in           |
| read      | bytes                  | memory level | input, weight or state           |
| write     | bytes                  | memory level | output or state                  |
| launch    | launches               | host         |                                  |
| static    | seconds                | chip         | the level that bounds the time   |

`time_s` adds up: an op's elapsed time stands on the row that bounds it, and its launch on the
launch row; rows hidden behind the bound have 0 s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from picojoule.errors import InputError, LedgerError
from picojoule.quantity import Evidence, Quantity, weakest

__all__ = ["SCHEMA", "TEXT_COLUMNS", "Array", "Ledger", "Row", "Total"]

SCHEMA = "picojoule/ledger/1"
TEXT_COLUMNS = ("op", "module", "phase", "kind", "component", "level", "operand")
NUMBER_COLUMNS = ("count", "energy_j", "low_j", "high_j", "time_s", "low_s", "high_s")
COLUMNS = (*TEXT_COLUMNS, *NUMBER_COLUMNS, "evidence")

MAX_NAME = 4096  # characters of a module path or op name in a document

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One row, for building a ledger. A missing reading is energy_j=NaN and UNAVAILABLE."""

    op: str
    component: str
    level: str
    count: float
    energy_j: float
    low_j: float
    high_j: float
    evidence: Evidence
    module: str = ""
    phase: str = "forward"
    kind: str = ""
    operand: str = ""
    time_s: float = 0.0
    low_s: float = 0.0
    high_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Total:
    """The sum of a ledger or of one group of it.

    coverage: fraction of rows with a known energy. missing: ops that have a row without one.
    The sum is of the known rows only, so read it with the coverage.
    """

    energy: Quantity
    time: Quantity
    coverage: float
    missing: tuple[str, ...]
    rows: int

    def __str__(self) -> str:
        text = f"{self.energy} in {self.time}"
        return text if self.coverage == 1 else f"{text}, coverage {self.coverage:.1%}"


@dataclass(frozen=True)
class Ledger:
    """Rows of joules as columns, with what they are for in `meta` (model, chip, method...)."""

    columns: Mapping[str, Array]
    meta: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[Row], **meta: Any) -> Ledger:
        """A ledger from rows."""
        rows = list(rows)
        text: dict[str, Array] = {
            c: np.array([getattr(r, c) for r in rows], dtype=np.str_) for c in TEXT_COLUMNS
        }
        numbers: dict[str, Array] = {
            c: np.array([getattr(r, c) for r in rows], dtype=float) for c in NUMBER_COLUMNS
        }
        evidence = np.array([r.evidence for r in rows], dtype=np.int8)
        return cls({**text, **numbers, "evidence": evidence}, meta)

    def __post_init__(self) -> None:
        if missing := [c for c in COLUMNS if c not in self.columns]:
            raise LedgerError("a ledger lacks columns", got=missing, expected=list(COLUMNS))
        if len({len(c) for c in self.columns.values()}) > 1:
            raise LedgerError("columns of a ledger differ in length")
        self._check_values()

    def _check_values(self) -> None:
        unavailable = self["evidence"] == Evidence.UNAVAILABLE
        if (np.isnan(self["energy_j"]) != unavailable).any():
            raise LedgerError("a row is unavailable exactly when its energy is not a number")
        known = ~unavailable
        low, mid, high = (self[c][known] for c in ("low_j", "energy_j", "high_j"))
        slack = 1e-9 * np.abs(mid)  # sums of the same terms in another order
        if not ((low <= mid + slack) & (mid <= high + slack) & np.isfinite(high)).all():
            raise LedgerError("a row's energy lies outside its interval", expected="low<=mid<=high")

    def __getitem__(self, column: str) -> Array:
        return self.columns[column]

    def __len__(self) -> int:
        return len(self["op"])

    def __str__(self) -> str:
        return (
            f"Ledger({self.meta.get('model', '?')} on {self.meta.get('chip', '?')}: {self.total()})"
        )

    def where(self, **equal: str | Sequence[str]) -> Ledger:
        """Rows whose columns equal the given value, or one of the given values."""
        keep = np.ones(len(self), dtype=bool)
        for name, wanted in equal.items():
            keep &= np.isin(self[name], [wanted] if isinstance(wanted, str) else list(wanted))
        return replace(self, columns={c: v[keep] for c, v in self.columns.items()})

    def total(self) -> Total:
        """Energy and time with interval, evidence and coverage.

        Intervals add as if fully correlated (low with low, high with high): rows share their
        chip's constants, so independent errors would be a claim that we can't defend.
        """
        return self._summarise(np.arange(len(self)))

    def group_by(self, *names: str) -> dict[tuple[str, ...], Total]:
        """Totals by the values of one or more text columns, in order of first appearance."""
        if unknown := [n for n in names if n not in TEXT_COLUMNS]:
            raise LedgerError("no such column", got=unknown, expected=list(TEXT_COLUMNS))
        if len(self) == 0:
            return {}
        keys = list(zip(*(self[n].tolist() for n in names), strict=True))
        members: dict[tuple[str, ...], list[int]] = {}
        for i, key in enumerate(keys):
            members.setdefault(key, []).append(i)
        return {key: self._summarise(np.array(rows)) for key, rows in members.items()}

    def _summarise(self, rows: Array) -> Total:
        evidence = self["evidence"][rows]
        known = rows[evidence != Evidence.UNAVAILABLE]
        missing = rows[evidence == Evidence.UNAVAILABLE]
        known_evidence = self["evidence"][known]
        # Rows of exactly nothing say nothing about how well the sum is known.
        counted = known_evidence[(self["energy_j"][known] != 0) | (self["time_s"][known] != 0)]
        worst = Evidence(int(counted.max())) if len(counted) else Evidence.MEASURED
        if len(rows) and not len(known):
            worst = Evidence.UNAVAILABLE
        return Total(
            energy=self._sum(known, ("energy_j", "low_j", "high_j"), "J", worst),
            time=self._sum(rows, ("time_s", "low_s", "high_s"), "s", worst),
            coverage=len(known) / len(rows) if len(rows) else 1.0,
            missing=tuple(dict.fromkeys(self["op"][missing].tolist())),
            rows=len(rows),
        )

    def _sum(self, rows: Array, names: tuple[str, ...], unit: str, evidence: Evidence) -> Quantity:
        if evidence is Evidence.UNAVAILABLE:
            return Quantity(float("nan"), float("nan"), float("nan"), unit, evidence)
        value, low, high = (float(np.sum(self[n][rows])) for n in names)
        return Quantity(value, low, high, unit, evidence)

    def reconcile(self, measured: Quantity) -> Ledger:
        """Scale the known rows so that they sum to a measured total; mark them CALIBRATED.

        measured: joules of the same work, with its interval; where its own evidence is weaker than
        CALIBRATED, so is that of the rows. Rows keep their shares. Raises
        LedgerError when the ledger is incomplete, since a share of the total would be invented.
        """
        total = self.total()
        if total.coverage < 1:
            raise LedgerError("can't reconcile: some rows have no energy", got=total.missing)
        if measured.unit != "J" or not measured.value > 0:
            raise LedgerError("can't reconcile", got=str(measured), expected="positive joules")
        evidence = weakest(Evidence.CALIBRATED, measured.evidence)
        share = self["energy_j"] / total.energy.value
        scaled: dict[str, Array] = {
            "energy_j": share * measured.value,
            "low_j": share * measured.low,
            "high_j": share * measured.high,
            "evidence": np.full(len(self), evidence, dtype=np.int8),
        }
        return replace(self, columns={**self.columns, **scaled})

    def to_dict(self) -> dict[str, Any]:
        """JSON document `picojoule/ledger/1`: meta, total, and columns (null = unavailable)."""
        total = self.total()
        return {
            "schema": SCHEMA,
            "meta": dict(self.meta),
            "total": {
                "energy": total.energy.to_dict(),
                "time": total.time.to_dict(),
                "coverage": total.coverage,
                "missing": list(total.missing),
            },
            "columns": {c: _to_json(c, self[c]) for c in COLUMNS},
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Ledger:
        """The ledger of a JSON document. Raises LedgerError when it isn't one."""
        if document.get("schema") != SCHEMA:
            raise LedgerError("not a ledger", got=document.get("schema"), expected=SCHEMA)
        columns, meta = document.get("columns"), document.get("meta", {})
        if not isinstance(columns, Mapping) or not isinstance(meta, Mapping):
            raise LedgerError("a ledger document lacks its columns or meta")
        return cls({c: _from_json(c, columns.get(c)) for c in COLUMNS}, dict(meta))


def _to_json(name: str, column: Array) -> list[Any]:
    if name == "evidence":
        return [Evidence(int(e)).word for e in column]
    if name in TEXT_COLUMNS:
        return [str(v) for v in column]
    return [float(v) if np.isfinite(v) else None for v in column]


def _from_json(name: str, values: Any) -> Array:
    if not isinstance(values, list):
        raise LedgerError("a ledger document lacks a column", got=type(values).__name__, where=name)
    try:
        if name == "evidence":
            return np.array([Evidence.of(v) for v in values], dtype=np.int8)
        if name in TEXT_COLUMNS:
            return _text(name, values)
        return np.array([np.nan if v is None else float(v) for v in values], dtype=float)
    except (AttributeError, TypeError, ValueError, InputError) as error:
        raise LedgerError(f"bad value in a ledger column: {error}", where=name) from error


def _text(name: str, values: list[Any]) -> Array:
    """Names have a fixed width in numpy: one very long one would cost that much in every row."""
    if any(not isinstance(v, str) or len(v) > MAX_NAME for v in values):
        raise LedgerError(
            "not a name", where=name, expected=f"text of at most {MAX_NAME} characters"
        )
    return np.array(values, dtype=np.str_)
