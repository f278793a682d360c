"""compare(): bounds over shared constants are those of every corner of their box."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picojoule.comparison import _shared_bounds, compare
from picojoule.errors import LedgerError
from picojoule.ledger import Ledger, Row
from picojoule.quantity import Evidence

# A constant: (value, low, high) in joules per unit; counts of it before and after.
Unit = tuple[float, float, float]


def ledger(units: list[Unit], counts: list[float], chip: str | None = "c") -> Ledger:
    rows = [
        Row(
            "op", "mac", f"u{i}", n, n * u[0], n * u[1], n * u[2], Evidence.MODELLED, module=f"m{i}"
        )
        for i, (u, n) in enumerate(zip(units, counts, strict=True))
    ]
    return Ledger.of(rows, chip_hash=chip)


def corners(units: list[Unit], old: list[float], new: list[float]) -> tuple[float, float]:
    ratios = []
    for ends in itertools.product((1, 2), repeat=len(units)):
        u = [unit[end] for unit, end in zip(units, ends, strict=True)]
        ratios.append(sum(map(float.__mul__, u, new)) / sum(map(float.__mul__, u, old)))
    return min(ratios) - 1, max(ratios) - 1


positive = st.floats(0.01, 100)
unit = st.tuples(positive, st.floats(0.1, 1), st.floats(1, 10)).map(
    lambda t: (t[0], t[0] * t[1], t[0] * t[2])
)
case = st.lists(st.tuples(unit, positive, st.floats(0, 100)), min_size=1, max_size=7)


@given(case)
def test_shared_bounds_equal_brute_force(case: list[tuple[Unit, float, float]]) -> None:
    units, old, new = (list(column) for column in zip(*case, strict=True))
    low, high = _shared_bounds(ledger(units, old), ledger(units, new))
    want_low, want_high = corners(units, old, new)
    assert low == pytest.approx(want_low, rel=1e-9, abs=1e-9)
    assert high == pytest.approx(want_high, rel=1e-9, abs=1e-9)


@given(case)
def test_shared_bounds_hold_the_value_and_are_the_tighter(
    case: list[tuple[Unit, float, float]],
) -> None:
    units, old, new = (list(column) for column in zip(*case, strict=True))
    shared = compare(ledger(units, old), ledger(units, new))
    apart = compare(ledger(units, old, "a"), ledger(units, new, "b"))
    slack = 1e-9 * (1 + abs(shared.relative_high))
    assert shared.relative_low - slack <= shared.relative <= shared.relative_high + slack
    assert apart.relative_low - slack <= shared.relative_low
    assert shared.relative_high <= apart.relative_high + slack


def test_a_group_that_appears_or_vanishes() -> None:
    units = [(1.0, 0.5, 2.0), (1.0, 0.5, 2.0)]
    low, high = _shared_bounds(ledger(units, [1.0, 0.0]), ledger(units, [0.0, 1.0]))
    assert (low, high) == pytest.approx((0.25 - 1, 4 - 1))


UNITS: list[Unit] = [(1.0, 0.5, 2.0), (2.0, 1.0, 3.0)]


def test_identical_ledgers_are_within_zero() -> None:
    same = ledger(UNITS, [3.0, 4.0])
    assert compare(same, same).verdict(0.0) == "within"


def test_every_constant_shrinks_so_the_verdict_is_sure() -> None:
    change = compare(ledger(UNITS, [4.0, 4.0]), ledger(UNITS, [2.0, 3.0]))
    assert change.shared_constants
    assert change.verdict(0.0) == "within"
    assert change.relative_high < -0.25
    assert compare(ledger(UNITS, [2.0, 3.0]), ledger(UNITS, [4.0, 4.0])).verdict(0.02) == "exceeded"


def test_a_trade_between_unknown_constants_is_inconclusive() -> None:
    assert (
        compare(ledger(UNITS, [4.0, 1.0]), ledger(UNITS, [1.0, 2.5])).verdict(0.0) == "inconclusive"
    )


def test_other_chips_are_independent() -> None:
    change = compare(ledger(UNITS, [4.0, 4.0], "a"), ledger(UNITS, [3.0, 3.0], "b"))
    assert not change.shared_constants
    assert change.verdict(0.0) == "inconclusive"
    unknown = compare(ledger(UNITS, [4.0, 4.0], None), ledger(UNITS, [3.0, 3.0], None))
    assert not unknown.shared_constants


def test_missing_energy_is_inconclusive() -> None:
    nan = float("nan")
    hole = Row("x", "mac", "u9", 1, nan, nan, nan, Evidence.UNAVAILABLE)
    known = Row("op", "mac", "u0", 1, 1.0, 1.0, 1.0, Evidence.MEASURED)
    whole, holed = Ledger.of([known], chip_hash="c"), Ledger.of([known, hole], chip_hash="c")
    assert compare(whole, holed).verdict(1.0) == "inconclusive"
    assert compare(holed, whole).verdict(1.0) == "inconclusive"


def test_changes_are_by_module_largest_first() -> None:
    change = compare(ledger(UNITS, [1.0, 1.0]), ledger(UNITS, [2.0, 4.0]))
    assert [c.module for c in change.changes] == ["m1", "m0"]
    assert change.changes[0].delta_j == pytest.approx(6.0)


def test_nothing_to_compare() -> None:
    with pytest.raises(LedgerError, match="nothing to compare"):
        compare(Ledger.of([]), ledger(UNITS, [1.0, 1.0]))
