"""Accuracy, its paired drop, and output drift."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picojoule.errors import SpecError
from picojoule.verify import Accuracy, drift, judge
from picojoule.verify.drop import paired_bounds


def scores(right: int, n: int) -> Accuracy:
    return Accuracy([1.0] * right + [0.0] * (n - right))


def test_nan_accuracy_says_which_sample():
    with pytest.raises(SpecError, match=r"nan at sample 1 \(1 of 3 samples\)"):
        Accuracy([1.0, math.nan, 0.0])


def test_accuracy_of_nothing_is_refused():
    with pytest.raises(SpecError, match="no samples"):
        Accuracy([])


def test_wilson_interval_is_the_published_one():
    # Newcombe 1998, Stat. Med. 17, table I, method 3: 81 of 263.
    low, high = scores(81, 263).interval(1.959964)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


def test_no_change_on_n_samples_has_the_closed_form_bound():
    n, z = 360, 1.6448536269514722
    low, high = paired_bounds(scores(300, n), scores(300, n))
    assert high == pytest.approx(z * z / (n + z * z), rel=1e-9)
    assert low == pytest.approx(-high)


def test_bounds_bracket_the_difference_and_widen_with_fewer_samples():
    a = Accuracy([1.0] * 44)
    b = Accuracy([1.0] * 43 + [0.0])
    low, high = paired_bounds(a, b)
    assert low < 1 / 44 < high
    wide_low, wide_high = paired_bounds(Accuracy([1.0] * 22), Accuracy([1.0] * 21 + [0.0]))
    assert wide_high - wide_low > high - low


def test_bound_covers_the_truth_as_often_as_it_says():
    """Monte Carlo: the upper bound lies above the true drop in about 95% of samples."""
    rng = np.random.default_rng(0)
    n, lose, win, covered = 300, 0.03, 0.01, 0
    for _ in range(400):
        u = rng.random(n)
        reference, candidate = np.ones(n), np.ones(n)
        candidate[u < lose], reference[(u >= lose) & (u < lose + win)] = 0, 0
        covered += paired_bounds(Accuracy(reference), Accuracy(candidate))[1] >= lose - win
    assert 0.92 <= covered / 400 <= 0.985


def test_verdicts():
    reference = scores(900, 900)
    assert judge(reference, scores(899, 900), 0.01).status == "accepted"
    assert judge(reference, scores(850, 900), 0.01).status == "rejected"
    assert judge(reference, scores(892, 900), 0.01).status == "inconclusive"


def test_a_destroyed_model_is_rejected_by_a_continuous_score():
    rng = np.random.default_rng(1)
    good = Accuracy(1 - 0.01 * rng.random(128))
    assert judge(good, Accuracy(good.scores - 0.002), 0.01).status == "accepted"
    assert judge(good, Accuracy(good.scores * 0.8), 0.01).status == "rejected"


def test_different_samples_are_refused():
    with pytest.raises(SpecError, match="different samples"):
        judge(scores(9, 10), scores(9, 11), 0.01)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=60))
def test_bounds_hold_the_estimate_and_flip_with_the_sides(pairs):
    a, b = Accuracy([x for x, _ in pairs]), Accuracy([y for _, y in pairs])
    low, high = paired_bounds(a, b)
    assert low - 1e-9 <= a.value - b.value <= high + 1e-9
    assert paired_bounds(b, a) == pytest.approx((-high, -low), abs=1e-9)


def test_drift_of_equal_opposite_and_zero_outputs():
    x = np.array([[1.0, 2.0], [0.0, 0.0]])
    assert drift([x], [x]).cosine_min == pytest.approx(1)
    assert drift([x], [x]).relative_error == 0
    assert drift([x[:1]], [-x[:1]]).cosine_mean == pytest.approx(-1)
    assert drift([x[:1]], [0 * x[:1]]).relative_error == pytest.approx(1)
