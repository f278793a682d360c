"""The ledger: sums, coverage, grouping, reconciliation and its JSON document."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from picojoule.errors import LedgerError
from picojoule.ledger import NUMBER_COLUMNS, TEXT_COLUMNS, Ledger, Row
from picojoule.quantity import Evidence, Quantity

NAN = float("nan")
HOLE = Row("hole", "mac", "core", 1, NAN, NAN, NAN, Evidence.UNAVAILABLE)


def row(op: str = "a", energy_j: float = 2.0, **more: object) -> Row:
    defaults: dict[str, object] = {
        "component": "mac", "level": "core", "count": 1.0, "low_j": energy_j / 2,
        "high_j": energy_j * 2, "evidence": Evidence.MODELLED, "time_s": 0.5, "low_s": 0.5,
        "high_s": 0.5,
    }  # fmt: skip
    return Row(op=op, energy_j=energy_j, **(defaults | more))  # type: ignore[arg-type]


@st.composite
def rows(draw: st.DrawFn) -> Row:
    if draw(st.integers(0, 9)) == 0:
        return HOLE
    energy_j = draw(st.floats(0, 1e6))
    return row(
        draw(st.sampled_from("abc")),
        energy_j,
        component=draw(st.sampled_from(["mac", "read"])),
        module=draw(st.sampled_from(["", "x", "x.y"])),
        evidence=draw(st.sampled_from(list(Evidence)[:4])),
    )


@given(
    st.lists(rows(), max_size=20), st.lists(st.sampled_from(TEXT_COLUMNS), min_size=1, max_size=3)
)
def test_groups_sum_to_the_total(lines: list[Row], names: list[str]) -> None:
    ledger = Ledger.of(lines)
    total, groups = ledger.total(), ledger.group_by(*names).values()
    assert sum(g.rows for g in groups) == total.rows
    known = [g for g in groups if g.energy.evidence is not Evidence.UNAVAILABLE]
    if total.energy.evidence is not Evidence.UNAVAILABLE:
        for end in ("value", "low", "high"):
            assert sum(getattr(g.energy, end) for g in known) == pytest.approx(
                getattr(total.energy, end)
            )
    assert sum(g.coverage * g.rows for g in groups) == pytest.approx(total.coverage * total.rows)


@given(st.lists(rows(), max_size=20))
def test_json_round_trip(lines: list[Row]) -> None:
    ledger = Ledger.of(lines, model="m", chip="c")
    back = Ledger.from_dict(json.loads(json.dumps(ledger.to_dict(), allow_nan=False)))
    assert back.meta == ledger.meta
    for name in (*TEXT_COLUMNS, *NUMBER_COLUMNS, "evidence"):
        assert np.array_equal(back[name], ledger[name], equal_nan=name in NUMBER_COLUMNS)


def test_total_counts_what_is_missing() -> None:
    total = Ledger.of([row(), row("b", 3.0), HOLE, HOLE]).total()
    assert total.energy.value == 5.0
    assert total.coverage == 0.5
    assert total.missing == ("hole",)
    assert "coverage 50.0%" in str(total)


def test_all_missing_is_unavailable_not_zero() -> None:
    total = Ledger.of([HOLE]).total()
    assert total.energy.evidence is Evidence.UNAVAILABLE
    assert math.isnan(total.energy.value)


def test_total_takes_the_weakest_evidence() -> None:
    lines = [row(evidence=Evidence.MEASURED), row(evidence=Evidence.ASSUMED)]
    assert Ledger.of(lines).total().energy.evidence is Evidence.ASSUMED
    nothing = row(energy_j=0.0, evidence=Evidence.ASSUMED, time_s=0.0, low_s=0.0, high_s=0.0)
    assert Ledger.of([lines[0], nothing]).total().energy.evidence is Evidence.MEASURED


def test_empty() -> None:
    total = Ledger.of([]).total()
    assert (total.energy.value, total.coverage, total.rows) == (0.0, 1.0, 0)
    assert Ledger.of([]).group_by("op") == {}


def test_where() -> None:
    ledger = Ledger.of([row("a"), row("b"), row("c")])
    assert len(ledger.where(op="a")) == 1
    assert len(ledger.where(op=["a", "b"], component="mac")) == 2
    assert len(ledger.where(op="z")) == 0


def test_reconcile_keeps_shares_and_marks() -> None:
    measured = Quantity(10.0, 9.0, 12.0, "J", Evidence.MEASURED)
    scaled = Ledger.of([row("a", 1.0), row("b", 3.0)]).reconcile(measured)
    total = scaled.total().energy
    assert (total.value, total.low, total.high) == pytest.approx((10.0, 9.0, 12.0))
    assert total.evidence is Evidence.CALIBRATED
    assert scaled["energy_j"].tolist() == pytest.approx([2.5, 7.5])


@pytest.mark.parametrize(
    ("lines", "quantity"),
    [
        ([row(), HOLE], Quantity(1, 1, 1, "J", Evidence.MEASURED)),
        ([row()], Quantity(1, 1, 1, "Wh", Evidence.MEASURED)),
        ([row()], Quantity(0, 0, 0, "J", Evidence.MEASURED)),
        ([row()], Quantity(NAN, NAN, NAN, "J", Evidence.UNAVAILABLE)),
    ],
)
def test_reconcile_refuses(lines: list[Row], quantity: Quantity) -> None:
    with pytest.raises(LedgerError, match="can't reconcile"):
        Ledger.of(lines).reconcile(quantity)


def test_rows_must_make_sense() -> None:
    with pytest.raises(LedgerError, match="interval"):
        Ledger.of([row(low_j=3.0)])
    with pytest.raises(LedgerError, match="unavailable"):
        Ledger.of([row(energy_j=NAN, low_j=NAN, high_j=NAN)])
    with pytest.raises(LedgerError, match="unavailable"):
        Ledger.of([row(evidence=Evidence.UNAVAILABLE)])
    with pytest.raises(LedgerError, match="no such column"):
        Ledger.of([row()]).group_by("colour")


def broken(**edits: object) -> dict[str, object]:
    document = Ledger.of([row()]).to_dict()
    document["columns"] = {**document["columns"], **edits}
    return document


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"schema": "picojoule/ledger/2"},
        {"schema": "picojoule/ledger/1"},
        {"schema": "picojoule/ledger/1", "columns": [], "meta": {}},
        {"schema": "picojoule/ledger/1", "columns": {}, "meta": {}},
        {**broken(), "meta": 3},
        broken(energy_j="many"),
        broken(energy_j=["many"]),
        broken(energy_j=[{}]),
        broken(energy_j=[1.0, 2.0]),
        broken(energy_j=[None]),
        broken(evidence=[3]),
        broken(evidence=["unavailable"]),
    ],
)
def test_malformed_documents_are_refused(document: dict[str, object]) -> None:
    with pytest.raises(LedgerError):
        Ledger.from_dict(document)


def test_unknown_evidence_in_a_document_is_refused() -> None:
    # InputError, the parent: the word is checked by Evidence.of.
    with pytest.raises(Exception, match="unknown evidence"):
        Ledger.from_dict(broken(evidence=["sure"]))
