"""Ordering, Pareto front, verdicts and resuming, without building any model."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picojoule.chips import load_chip
from picojoule.errors import Inconclusive, InputError
from picojoule.meter import CallTime, Timing
from picojoule.quantity import Evidence, Quantity
from picojoule.search.candidate import Candidate, Recipe
from picojoule.search.contest import decide, priced
from picojoule.search.front import Front, pareto
from picojoule.search.predict import shortlist
from picojoule.search.trials import Trials

EAGER, BEST32, INT8 = (
    Recipe("torch-eager", "fp32"), Recipe("onnxruntime", "fp32"), Recipe("openvino", "int8"),
)  # fmt: skip


def seconds(value: float, spread: float = 0.01) -> Quantity:
    return Quantity(value, value * (1 - spread), value * (1 + spread), "s", Evidence.MEASURED)


def timing(value: float, noise: float = 0.001, n: int = 20, seed: int = 0) -> Timing:
    draws = value * (1 + noise * np.random.default_rng(seed).standard_normal(n))
    rounds = tuple(CallTime(d, d, 0.0) for d in draws)
    return Timing(seconds(value), seconds(value), n, n, 0, True, "", rounds)


def candidate(recipe: Recipe, accuracy=0.9, joules=None, **more) -> Candidate:
    energy = joules and Quantity(joules, joules, joules, "J", Evidence.MODELLED)
    return Candidate(
        recipe, "verified", accuracy=(accuracy, accuracy, accuracy), samples=100, energy=energy,
        drop=(0.0, 0.0, 0.0), size_bytes=1000, **more,
    )  # fmt: skip


def contest(times: dict[Recipe, float], noise: float = 0.001):
    chip = load_chip("x86-avx512")
    timings = {r.name: timing(t, noise, seed=i) for i, (r, t) in enumerate(times.items())}
    made = [priced(candidate(r), timings[r.name], chip) for r in times]
    return decide(made, timings, EAGER.name, chip)


def test_a_clear_saving_is_chosen_against_the_best_fp32_path():
    outcome = contest({EAGER: 4e-3, BEST32: 2e-3, INT8: 1e-3})
    assert outcome.baseline == BEST32.name
    assert outcome.chosen == INT8.name
    assert "0.50x" in outcome.verdict


def test_nothing_saves_is_an_answer_and_the_loser_says_why():
    outcome = contest({EAGER: 4e-3, BEST32: 2e-3, INT8: 3e-3})
    assert outcome.chosen == BEST32.name
    assert "nothing saves energy here" in outcome.verdict
    loser = next(c for c in outcome.candidates if c.recipe == INT8)
    assert loser.status == "dominated"
    assert "1.50x the CPU time" in loser.reason


def test_a_difference_inside_the_noise_is_inconclusive():
    outcome = contest({EAGER: 4e-3, BEST32: 2e-3, INT8: 1.99e-3}, noise=0.2)
    assert outcome.chosen is None
    assert outcome.verdict.startswith("INCONCLUSIVE")


def test_a_busy_machine_is_inconclusive_and_names_itself():
    unknown = Quantity(float("nan"), float("nan"), float("nan"), "s", Evidence.UNAVAILABLE)
    busy = Timing(unknown, unknown, 0, 0, 9, False, "the machine is busy", (None,) * 9)
    chip = load_chip("x86-avx512")
    outcome = decide([candidate(INT8)], {INT8.name: busy}, EAGER.name, chip)
    assert outcome.chosen is None
    assert outcome.candidates[0].status == "inconclusive"
    assert outcome.candidates[0].reason == "the machine is busy"


def test_energy_on_a_cpu_is_cpu_time_times_watts_with_the_weaker_evidence():
    chip = load_chip("x86-avx512")
    made = priced(candidate(INT8), timing(1e-3), chip)
    assert made.energy.value == pytest.approx(1e-3 * chip.active_w_per_core.value)
    assert made.energy.evidence is chip.active_w_per_core.evidence
    predicted = Quantity(7.0, 6.0, 8.0, "J", Evidence.MODELLED)
    elsewhere = candidate(INT8, predicted_energy=predicted)
    assert priced(elsewhere, timing(1e-3), load_chip("jetson-agx-orin")).energy == predicted


def test_for_a_chip_elsewhere_the_choice_is_a_prediction_and_says_so():
    orin = load_chip("jetson-agx-orin")
    timings = {r.name: timing(1e-3) for r in (BEST32, INT8)}
    joules = {BEST32: 4.0, INT8: 1.0}
    made = [
        priced(
            candidate(r, predicted_energy=Quantity(e, e, e, "J", Evidence.MODELLED)),
            timings[r.name],
            orin,
        )
        for r, e in joules.items()
    ]
    outcome = decide(made, timings, EAGER.name, orin)
    assert outcome.chosen == INT8.name
    assert "predicted to use 0.25x" in outcome.verdict
    assert "nothing was run there" in outcome.verdict


points = st.tuples(*[st.integers(0, 3)] * 4)


@settings(max_examples=80, deadline=None)
@given(st.lists(points, min_size=1, max_size=8))
def test_pareto_is_that_of_brute_force(cells):
    made = [
        Candidate(
            INT8, "verified", accuracy=(a, a, a), size_bytes=s + 1,
            energy=Quantity(e, e, e, "J", Evidence.MODELLED), wall_s=seconds(w, 0),
        )
        for a, e, w, s in cells
    ]  # fmt: skip

    def beats(x, y):
        worse = [x[0] < y[0], x[1] > y[1], x[2] > y[2], x[3] > y[3]]
        return not any(worse) and x != y

    kept = {i for i, x in enumerate(cells) if not any(beats(y, x) for y in cells)}
    assert pareto(made) == kept


def test_shortlist_builds_the_cheapest_and_always_the_baselines():
    recipes = [Recipe("openvino", p, r) for p, r in itertools.product(["fp32", "int8"], [0.0, 0.5])]
    predicted = {r: Quantity(i, i, i, "J", Evidence.MODELLED) for i, r in enumerate(recipes, 1)}
    keep, skipped = shortlist(predicted, 2, {recipes[3]})
    assert keep == [recipes[0], recipes[3]]
    assert [c.recipe for c in skipped] == [recipes[1], recipes[2]]
    both, _ = shortlist(predicted, 3, {recipes[3]})
    assert both == [recipes[0], recipes[1], recipes[3]]  # one whole, one pruned
    assert all(c.status == "skipped" and "predicted rank" in c.reason for c in skipped)


def test_finished_trials_survive_and_the_latest_wins(tmp_path):
    url = f"sqlite:///{tmp_path / 'trials.db'}"
    first = candidate(INT8, joules=1.0)
    Trials(url, "study").record(first, (1.0, 0.0))
    failed = Candidate(BEST32, "infeasible", "no such kernel")
    Trials(url, "study").record(failed, ())
    found = Trials(url, "study").finished()
    assert found[INT8].candidate == first
    assert found[INT8].scores == (1.0, 0.0)
    assert found[BEST32].candidate == failed
    assert Trials(url, "another").finished() == {}


def test_a_storage_that_cannot_be_opened_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="can't open the trial storage"):
        Trials(f"sqlite:///{tmp_path}/no/such/folder/trials.db", "study")


def front(tmp_path, *candidates) -> Front:
    return Front("m", "x86-avx512", 0.01, candidates, None, None, None, "", tmp_path)


def test_best_and_knee(tmp_path):
    cheap = candidate(INT8, accuracy=0.8, joules=1.0).become("front")
    right = candidate(BEST32, accuracy=0.9, joules=2.0).become("front")
    both = front(tmp_path, right, cheap)
    assert both.front == (cheap, right)
    assert both.best() == cheap
    assert both.knee() in (cheap, right)
    assert both[INT8.name] == cheap
    with pytest.raises(Inconclusive):
        front(tmp_path, cheap.become("rejected")).best()
    with pytest.raises(InputError, match="nothing was chosen"):
        both.export(tmp_path / "out")


def test_document_round_trip():
    made = candidate(Recipe("openvino", "int8+bf16", 0.25), joules=1.0, cpu_s=seconds(1.0))
    assert Candidate.from_dict(made.to_dict()) == made
