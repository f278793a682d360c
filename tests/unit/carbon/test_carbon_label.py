"""The A to E label, what its published bug does, and the eco-score."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from picojoule.carbon.label import WEIGHTS, Scale, eco_score, label
from picojoule.errors import InputError

some = st.lists(st.floats(1e-6, 1e6), min_size=5, max_size=200)


def shares(scale, values):
    ranks = np.array([scale.rank(v) for v in values])
    return [float((ranks == r).mean()) for r in range(5)]


@given(some)
def test_each_letter_has_its_fifth(values):
    """At most a fifth of the models are strictly better than each bound."""
    ranks = np.array([Scale.of(values, 1.0).rank(v) for v in values])
    for rank in range(4):
        assert (ranks <= rank).mean() <= 0.2 * (rank + 1) + 1 / len(values)


@given(some, st.floats(1e-3, 1e3))
def test_the_reference_changes_no_label(values, reference):
    one, other = Scale.of(values, 1.0), Scale.of(values, reference)
    near = [v for v in values if any(math.isclose(1 / v, b, rel_tol=1e-9) for b in one.bounds)]
    assert all(one.rank(v) == other.rank(v) for v in values if v not in near)


def test_less_carbon_is_never_a_worse_rank():
    values = np.geomspace(0.01, 1000, 101).tolist()
    scale = Scale.of(values, 149_200.0)
    ranks = [scale.rank(v) for v in values]
    assert ranks == sorted(ranks)
    assert shares(scale, values) == pytest.approx([0.2] * 5, abs=0.01)
    more = Scale.of(values, 1.0, more_is_better=True)
    assert [more.rank(v) for v in values] == ranks[::-1]


def test_bounds_on_the_square_root_would_call_nearly_everything_an_a():
    """The released code: bounds over sqrt(index), compared with the index itself."""
    values = np.geomspace(0.01, 1000, 101).tolist()
    right = Scale.of(values, 149_200.0)
    wrong = Scale(right.reference, False, tuple(math.sqrt(b) for b in right.bounds))
    assert shares(right, values)[0] == pytest.approx(0.2, abs=0.01)
    assert shares(wrong, values)[0] == pytest.approx(0.817, abs=0.01)  # log-uniform, by hand
    assert right.rank(1000.0) == 4
    assert wrong.rank(1000.0) < 4


def test_the_label_is_the_weighted_mean_of_what_is_known():
    scale = Scale(1.0, False, (1.0, 2.0, 3.0, 4.0))
    scales = dict.fromkeys(WEIGHTS, scale)
    best, worst = 1 / 5, 2.0
    assert label(dict.fromkeys(WEIGHTS, best), scales) == "A"
    assert label(dict.fromkeys(WEIGHTS, worst), scales) == "E"
    # 0.35 x 0 + 0.25 x 4 over 0.60 = 1.67
    assert label({"co2": best, "downloads": worst, "performance": None}, scales) == "C"
    assert label({"co2": None}, scales) is None
    half = label({"a": best, "b": 1 / 1.5}, {"a": scale, "b": scale}, {"a": 1, "b": 1})
    assert half == "C"  # (0 + 3) / 2: a half goes to the worse letter
    with pytest.raises(InputError, match="co2"):
        label({"c02": 1.0}, scales)


def test_unknown_is_not_zero():
    assert Scale.of([1, 2, 3, 4, 5, math.nan], 1.0) == Scale.of([1, 2, 3, 4, 5], 1.0)
    for values, reference in (([0, 1, 2, 3, 4], 1.0), ([1, 2, 3, 4, -5], 1.0), ([1] * 5, 0.0)):
        with pytest.raises(InputError, match="above 0"):
            Scale.of(values, reference)
    with pytest.raises(InputError, match="5 or more"):
        Scale.of([1, 2, 3, math.nan, math.nan], 1.0)
    with pytest.raises(InputError):
        Scale.of([1, 2, 3, 4, 5], 1.0).rank(0.0)


def test_eco_score_is_a_letter_per_decade():
    assert "".join(eco_score(10.0**e * 0.99) for e in range(-8, -1)) == "ABCDEFG"
    assert eco_score(1e-8) == "B"  # the bound belongs to the next letter
    assert eco_score(9.58e-2) == "G"
    assert eco_score(0) == "A"
    with pytest.raises(InputError):
        eco_score(-1e-9)
