"""Cells of public tables: what is understood, what is refused, in words."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picojoule.calibrate.cells import Refused, choose, joules, number, understand, whole
from picojoule.calibrate.folds import folds
from picojoule.calibrate.table import Table


@given(st.text(max_size=20))
def test_any_text_is_a_number_in_range_or_refused(cell):
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if 0 <= value <= 10:
        assert number({"x": cell}, "x", 0, 10) == value
    else:
        with pytest.raises(Refused, match="x is"):
            number({"x": cell}, "x", 0, 10)


@pytest.mark.parametrize("cell", ["", "nan", "inf", "-1", "eleven", "11"])
def test_what_is_no_number_in_range(cell):
    with pytest.raises(Refused, match="from 0 to 10"):
        number({"x": cell}, "x", 0, 10)


def test_defaults_are_for_empty_cells_only():
    assert number({}, "x", 0, 10, 3) == number({"x": " "}, "x", 0, 10, 3) == 3
    with pytest.raises(Refused):
        number({"x": "nan"}, "x", 0, 10, 3)
    with pytest.raises(Refused, match="whole"):
        whole({"x": "2.5"}, "x", 0, 10)


def test_names_are_found_whatever_their_case_or_the_nearest_is_told():
    assert choose({"x": "h100"}, "x", {"H100": 1}) == ("H100", 1)
    with pytest.raises(Refused, match="nearest: H100"):
        choose({"x": "H10O"}, "x", {"H100": 1, "B200": 2})


def test_no_joules_are_not_zero_joules():
    assert math.isnan(joules({}, "e"))
    assert joules({"e": "2"}, "e", 1e-6) == pytest.approx(2e-6)
    for cell in ("0", "-1", "inf", "nan", "x"):
        with pytest.raises(Refused, match="joules above 0"):
            joules({"e": cell}, "e")


def test_a_copy_is_predicted_but_not_counted_twice():
    rows = tuple({"x": x, "e": e} for x, e in (("1", "5"), ("1", "5"), ("1", "6"), ("2", "")))
    parsed = understand(Table(("x", "e"), rows), lambda r: (whole(r, "x", 0, 9), joules(r, "e")))
    assert parsed.configs == (1, 1, 1, 2)
    assert parsed.usable().tolist() == [0, 2]
    assert parsed.reasons == (None, "a copy of row 1", None, None)


def test_folds_leave_each_group_out_once():
    groups = ["b", "a", "b", "c"]
    assert list(folds(groups)) == [([1], [0, 2, 3]), ([0, 2], [1, 3]), ([3], [0, 1, 2])]
