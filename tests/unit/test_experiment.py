"""ANOVA against published tables and other programs, and its refusals."""

from __future__ import annotations

import numpy as np
import pytest

from picojoule.errors import Inconclusive, InputError
from picojoule.meter.anova import anova

# Tooth growth of guinea pigs by supplement and dose of vitamin C (Crampton 1947; R's ToothGrowth).
TEETH = {
    ("VC", 0.5): [4.2, 11.5, 7.3, 5.8, 6.4, 10.0, 11.2, 11.2, 5.2, 7.0],
    ("VC", 1.0): [16.5, 16.5, 15.2, 17.3, 22.5, 17.3, 13.6, 14.5, 18.8, 15.5],
    ("VC", 2.0): [23.6, 18.5, 33.9, 25.5, 26.4, 32.5, 26.7, 21.5, 23.3, 29.5],
    ("OJ", 0.5): [15.2, 21.5, 17.6, 9.7, 14.5, 10.0, 8.2, 9.4, 16.5, 9.7],
    ("OJ", 1.0): [19.7, 23.3, 23.6, 26.4, 20.0, 25.2, 25.8, 21.2, 14.5, 27.3],
    ("OJ", 2.0): [25.5, 26.4, 22.4, 24.5, 24.8, 30.9, 26.4, 27.3, 29.4, 23.0],
}


def teeth():
    return [{"supp": s, "dose": d, "len": y} for (s, d), ys in TEETH.items() for y in ys]


def test_a_published_two_way_table():
    """summary(aov(len ~ supp * factor(dose), ToothGrowth)) in R."""
    found = anova(teeth(), ["supp", "dose"], "len")
    table = {t.name: (t.df, t.sum_sq, t.f, t.p_value) for t in found.terms}
    assert table["supp"] == pytest.approx((1, 205.35, 15.572, 0.0002312), rel=1e-3)
    assert table["dose"] == pytest.approx((2, 2426.43, 92.0, 4.046e-18), rel=1e-3)
    assert table["supp:dose"] == pytest.approx((2, 108.32, 4.107, 0.02186), rel=1e-3)
    assert (found.error_df, found.error_sq) == (54, pytest.approx(712.106, rel=1e-5))
    assert found.total_sq == pytest.approx(3452.209, rel=1e-5)
    assert sum(t.sum_sq for t in found.terms) + found.error_sq == pytest.approx(found.total_sq)
    assert all(t.significant for t in found.terms)
    assert found["dose"].eta_sq == pytest.approx(2426.434 / 3452.209, rel=1e-5)
    assert found["dose"].partial_eta_sq == pytest.approx(0.773, abs=5e-4)
    assert found["dose"].omega_sq == pytest.approx(0.692, abs=1e-3)


def test_unequal_repeats_as_statsmodels_does():
    """anova_lm(ols("len ~ C(supp, Sum) * C(dose, Sum)"), typ=2) of statsmodels 0.15."""
    rows = [r for i, r in enumerate(teeth()) if i % 10 not in (0, 3) or i < 20][7:]
    found = anova(rows, ["supp", "dose"], "len")
    table = {t.name: (t.df, t.sum_sq, t.f, t.p_value) for t in found.terms}
    assert table["supp"] == pytest.approx((1, 131.557710, 8.378945, 6.187275e-3), rel=1e-5)
    assert table["dose"] == pytest.approx((2, 1495.878590, 47.636450, 3.388337e-11), rel=1e-5)
    assert table["supp:dose"] == pytest.approx((2, 89.367256, 2.845912, 7.019599e-2), rel=1e-5)
    assert (found.error_df, found.error_sq) == (39, pytest.approx(612.3385))
    assert not found["supp:dose"].significant
    assert any("unequal repeats" in note for note in found.notes)


def test_one_way_is_scipys():
    from scipy.stats import f_oneway

    rng = np.random.default_rng(0)
    groups = [rng.normal(m, 1, 7) for m in (0, 0.3, 1)]
    table = {"g": np.repeat([0, 1, 2], 7).tolist(), "y": np.concatenate(groups).tolist()}
    theirs = f_oneway(*groups)
    (ours,) = anova(table, ["g"], "y").terms
    assert ours.f == pytest.approx(theirs.statistic)
    assert ours.p_value == pytest.approx(theirs.pvalue)


def test_no_effect_is_said_to_be_not_significant():
    rng = np.random.default_rng(1)
    table = {"a": [0, 1] * 20, "b": [0, 0, 1, 1] * 10, "y": (100 + rng.normal(0, 1, 40)).tolist()}
    found = anova(table, ["a", "b"], "y")
    assert not any(t.significant for t in found.terms)
    assert "a: not significant" in str(found)


def test_false_alarms_are_as_rare_as_asked():
    rng = np.random.default_rng(2)
    a, b = [0, 1] * 6, [0, 0, 1, 1] * 3
    wrong = 0
    for _ in range(400):
        table = {"a": a, "b": b, "y": rng.normal(10, 1, 12).tolist()}
        wrong += any(t.significant for t in anova(table, ["a", "b"], "y").terms)
    assert wrong <= 30  # 5% of 400 is 20


def test_effects_that_multiply_are_found_on_the_log():
    rng = np.random.default_rng(3)
    rows = [
        {"precision": p, "batch": b, "joules": w * b**0.8 * rng.lognormal(0, 0.05)}
        for p, w in (("fp32", 4.0), ("int8", 1.0))
        for b in (1, 8, 64)
        for _ in range(5)
    ]
    found = anova(rows, ["precision", "batch"], "joules", log=True)
    assert found["precision"].spread == pytest.approx(3, rel=0.1)
    assert not found["precision:batch"].significant
    plain = anova(rows, ["precision", "batch"], "joules")
    assert plain["precision:batch"].significant  # the same data, on a scale that adds
    assert any("differ in spread" in n for n in plain.notes)


def test_what_it_refuses():
    rows = [{"a": a, "b": b, "y": a + b} for a in (0, 1) for b in (0, 1)]
    with pytest.raises(Inconclusive, match="no repeats") as error:
        anova(rows, ["a", "b"], "y")
    assert error.value.exit_code == 3
    assert anova(rows, ["a", "b"], "y", interactions=1).error_df == 1
    with pytest.raises(InputError, match="no column 'c'"):
        anova(rows, ["c"], "y")
    with pytest.raises(InputError, match="one level"):
        anova([{"a": 1, "y": 2.0}, {"a": 1, "y": 3.0}], ["a"], "y")
    with pytest.raises(InputError, match="unavailable"):
        anova([{"a": 1, "y": float("nan")}, {"a": 2, "y": 3.0}], ["a"], "y")
    with pytest.raises(InputError, match="length"):
        anova({"a": [1, 2], "y": [1.0]}, ["a"], "y")
    with pytest.raises(InputError, match="logarithm"):
        anova(rows, ["a", "b"], "y", log=True)
    with pytest.raises(InputError, match="no term"):
        anova(teeth(), ["supp"], "len")["dose"]
