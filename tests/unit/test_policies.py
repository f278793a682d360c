"""Dynamic inference: invariants of deciders, and closed forms against simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picojoule.errors import InputError
from picojoule.ledger import Ledger, Row
from picojoule.policies import (
    Band,
    Dwell,
    Link,
    Memo,
    PathLedger,
    SimilaritySkip,
    Stage,
    Threshold,
    cascade,
    exit_thresholds,
    exits,
)
from picojoule.policies.base import Action
from picojoule.policies.contrast import self_contrast
from picojoule.policies.memo import mean_key
from picojoule.policies.signals import cosine, entropy, free_energy, margin, max_prob
from picojoule.policies.skip import gain_of, share_for_gain, skip_probability, skip_share
from picojoule.quantity import Evidence

probabilities = st.floats(0, 1)


@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(-5, 5))
def test_a_higher_threshold_never_exits_more(signal, a, b):
    low, high = sorted((a, b))
    if Threshold(high).decide(signal) is Action.EXIT:
        assert Threshold(low).decide(signal) is Action.EXIT
    assert (Band(low, high).decide(signal) is Action.ESCALATE) == (low <= signal <= high)
    assert Threshold(low).decide(math.nan) is Action.ESCALATE
    assert Band(low, high).decide(math.nan) is Action.ESCALATE


@given(st.lists(probabilities, min_size=1, max_size=4))
def test_a_cascade_is_a_distribution_with_the_stated_reach(goes_on):
    names = [f"s{i}" for i in range(len(goes_on) + 1)]
    paths = cascade(names, goes_on)
    assert sum(paths.values()) == pytest.approx(1)
    ledger = PathLedger(tuple(Stage(n, 2.0**i) for i, n in enumerate(names)))
    reach = np.cumprod([1.0, *goes_on])
    expected = float(reach @ 2.0 ** np.arange(len(names)))
    assert ledger.expected(paths).total().energy.value == pytest.approx(expected)


def test_a_trace_tends_to_the_expected_energy():
    ledger = PathLedger((Stage("little", 1.0, 0.1), Stage("big", 4.0, 0.3)))
    rng = np.random.default_rng(0)
    paths = cascade(("little", "big"), (0.25,))
    runs = [("little", "big") if x else ("little",) for x in rng.random(20_000) < 0.25]
    trace, mean = ledger.traced(runs).total(), ledger.expected(paths).total()
    assert trace.energy.value == pytest.approx(mean.energy.value, rel=0.02)
    assert mean.energy.value == pytest.approx(2.0)
    assert mean.time.value == pytest.approx(0.175)
    assert ledger.worst_j(paths) == 5.0


def test_stages_and_paths_that_are_not_possible():
    ledger = PathLedger((Stage("a", 1.0),))
    for wrong in (lambda: ledger.energy_j(("b",)), lambda: ledger.expected({("a",): 0.5}),
                  lambda: ledger.traced([]), lambda: cascade(("a", "b"), (1.5,)),
                  lambda: PathLedger((Stage("a", 1), Stage("a", 2))),
                  lambda: Stage("a", math.nan), lambda: Stage("a", -1.0)):  # fmt: skip
        with pytest.raises(InputError):
            wrong()


def test_a_stage_takes_its_ledgers_total_but_no_gap():
    known = Row("op", "mac", "core", 1, 2.0, 1.0, 3.0, Evidence.MEASURED, time_s=0.5)
    stage = Stage.of("net", Ledger.of([known]))
    assert (stage.energy_j, stage.time_s, stage.evidence) == (2.0, 0.5, Evidence.MEASURED)
    gap = Row("lost", "mac", "core", 1, *[math.nan] * 3, Evidence.UNAVAILABLE)
    with pytest.raises(InputError, match="without an energy"):
        Stage.of("net", Ledger.of([known, gap]))


def test_signals_by_hand():
    logits = np.log([[0.5, 0.3, 0.2], [1 / 3] * 3])
    assert max_prob(logits) == pytest.approx([0.5, 1 / 3])
    assert margin(logits) == pytest.approx([0.2, 0.0], abs=1e-12)
    assert entropy(logits)[1] == pytest.approx(math.log(3))
    assert free_energy(logits) == pytest.approx([0.0, 0.0], abs=1e-12)
    assert free_energy(logits + 2, 0.5)[0] < free_energy(logits, 0.5)[0]
    assert cosine(np.eye(2), np.ones((2, 2))) == pytest.approx([math.sqrt(0.5)] * 2)
    assert cosine(np.zeros(3), np.ones(3)) == 0


@settings(max_examples=20, deadline=None)
@given(probabilities, probabilities, st.integers(1, 6))
def test_dwell_follows_its_closed_form(cheap, costly, most):
    machine, n = Dwell(most), 40_000
    drawn = np.random.default_rng(0).random((2, n))
    watched, heard = machine.follow(drawn[0] < cheap, drawn[1] < costly)
    runs = machine.runs(cheap, costly)
    assert watched / n == pytest.approx(runs[0], abs=0.02)
    assert heard / n == pytest.approx(runs[1], abs=0.02)


def test_dwell_by_hand():
    on, off = [True] * 10, [False] * 10
    assert Dwell(4).follow(on, on) == (3, 10)  # watches windows 0, 4 and 8
    assert Dwell(4).follow(on, off) == (10, 10)
    assert Dwell(4).follow(off, on) == (10, 0)
    assert Dwell(4).runs(0.0, 1.0) == (1.0, 0.0)
    with pytest.raises(InputError):
        Dwell(0)
    with pytest.raises(InputError):
        Dwell(4).runs(1.5, 0)


@pytest.mark.parametrize("similarity", [0.9, 0.98, 0.985, 0.99, 0.995, 1.0])
def test_skips_are_as_frequent_as_the_closed_form(similarity):
    skip = SimilaritySkip(seed=2)
    n = 12_000
    share = sum(skip.decide(similarity) is Action.REUSE for _ in range(n)) / n
    assert share == pytest.approx(skip_share(similarity), abs=0.02)


def test_skips_are_bounded_and_gains_invert():
    skip = SimilaritySkip(most=3)
    actions = [skip.decide(1.0) for _ in range(10)]
    assert [a is Action.REUSE for a in actions] == ([True] * 4 + [False]) * 2
    assert skip.decide(math.nan) is Action.ESCALATE
    assert gain_of(share_for_gain(2.39, 0.1), 0.1) == pytest.approx(2.39)
    assert skip_probability(0.5) == 0
    with pytest.raises(InputError):
        skip_probability(1.0, 1.0)


def test_a_memo_is_exact_unless_its_key_is_not():
    rng = np.random.default_rng(0)
    x = rng.random((50, 4, 4))
    calls = []
    memo = Memo(30)
    for image in [*x, *x[-30:], x[0]]:
        assert np.array_equal(memo(image, lambda i: calls.append(1) or i.copy()), image)
    assert (memo.hits, len(calls)) == (30, 51)  # x[0] was forgotten by then
    near = Memo(10, mean_key)
    near(x[0], lambda _: "first")
    assert near(x[0] * 0.5, lambda _: "second") == "first"
    assert Memo(1)(x[0].astype("f4"), lambda _: 1) == 1
    with pytest.raises(InputError):
        Memo(0)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.integers(1, 9), min_size=2, max_size=6))
def test_calibrated_exits_meet_their_shares_on_their_own_data(seed, weights):
    signal = np.random.default_rng(seed).random((500, len(weights)))
    shares = (np.array(weights) / sum(weights)).tolist()
    taken = exits(signal, exit_thresholds(signal, shares))
    seen = np.bincount(taken, minlength=len(weights)) / 500
    assert np.abs(seen - shares).max() <= len(weights) / 500
    with pytest.raises(InputError):
        exit_thresholds(signal, [*shares[:-1], 2.0])


def test_an_exit_of_no_share_is_never_taken():
    signal = np.random.default_rng(0).random((100, 3))
    assert set(exits(signal, exit_thresholds(signal, [0.0, 0.5, 0.5])).tolist()) == {1, 2}


def test_self_contrast():
    rng = np.random.default_rng(0)
    strong, weak = rng.normal(size=(2, 20, 9))
    greedy = self_contrast(strong, weak, beta=0.0)
    assert (greedy.argmax(-1) == strong.argmax(-1)).all()
    same = self_contrast(strong, strong, beta=2.0)
    kept = np.isfinite(same)
    assert same[kept] == pytest.approx(strong[kept])
    assert np.isfinite(self_contrast(strong, weak, alpha=1.0)).sum() == 20
    with pytest.raises(InputError):
        self_contrast(strong, weak, alpha=0.0)


def test_a_link_by_hand():
    link = Link.sending_at(2.0, 1e6, 0.01)
    assert link.time_s(1000) == pytest.approx(0.018)
    assert link.energy_j(1000) == pytest.approx(0.016)
