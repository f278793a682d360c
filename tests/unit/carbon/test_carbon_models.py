"""Training energy, the EcoLogits request, projections and the return on environment."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picojoule.carbon.amounts import exact, unavailable
from picojoule.carbon.ecologits import ecologits, gpus_needed
from picojoule.carbon.projection import (
    SCENARIOS_2030,
    Scenario,
    carbon_index,
    energy_index,
    occupied_energy_j,
    return_on_environment,
)
from picojoule.carbon.training import carbon_g, training_energy_j
from picojoule.errors import InputError
from picojoule.quantity import Evidence, Quantity


def test_bloom():
    joules = training_energy_j(384, 400, 117 * 86400, 1.1)
    assert joules / 3.6e9 == pytest.approx(474.4, abs=0.05)
    assert carbon_g(joules, 64) / 1e6 == pytest.approx(30.4, abs=0.05)


@pytest.mark.parametrize(
    "run", [(-1, 400, 1, 1), (1, math.nan, 1, 1), (1, 1, math.inf, 1), (1, 1, 1, 0.9)]
)
def test_impossible_runs(run):
    with pytest.raises(InputError):
        training_energy_j(*run)


# compute_llm_impacts_dag of ecologits 0.11.3 (PUE 1.2, WUE 0.5 and 3.1 L/kWh, request_latency
# infinite): active and total parameters in billions, tokens; GPUs, latency s, IT kWh, water L,
# embodied kg.
ORACLE = [
    ((8, 8, 100), {}, 1, 4.486537404976118, 7.429382046090726e-06, 3.1351992234502866e-05,
     7.302306974244984e-07),
    ((70, 70, 208), {}, 4, 18.082047408828807, 0.00011397169209114078, 0.0004809605406246141,
     1.1772166281789589e-05),
    ((37, 671, 400), {}, 32, 25.81685180935472, 0.001326300299061477, 0.005596987262039433,
     0.00013446276984038915),
    ((405, 405, 390.93), {"tokens_per_s": 21.7, "ttft_s": 0.6}, 16, 18.615207373271893,
     0.0018898684934636704, 0.007975245042416689, 4.847710253456222e-05),
    ((70, 70, 208), {"batch": 16}, 4, 14.967727993639249, 0.00024642127900138626,
     0.00103989779738585, 3.897845831676888e-05),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "options", "gpus", "s", "kwh", "water", "kg"), ORACLE)
def test_ecologits_says_what_ecologits_says(request_, options, gpus, s, kwh, water, kg):
    found = ecologits(*request_, pue=1.2, wue_site=0.5, wue_grid=3.1, **options)
    assert found.gpus == gpus
    ours = (found.latency_s, found.it_energy_j / 3.6e6, found.energy_j / 3.6e6 / 1.2,
            found.water_l, found.embodied_kg)  # fmt: skip
    assert ours == pytest.approx((s, kwh, kwh, water, kg), rel=1e-9)


def test_gpus_are_a_power_of_two():
    assert [gpus_needed(b) for b in (1, 33, 34, 70, 405, 671)] == [1, 1, 2, 4, 16, 32]
    for bad in ({"active_b": 0}, {"output_tokens": -1}, {"batch": 0}, {"pue": 0.9}):
        with pytest.raises(InputError):
            ecologits(**{"active_b": 8, "total_b": 8, "output_tokens": 1, **bad})


class TestProjection:
    def test_nothing_changes_nothing(self):
        assert energy_index(Scenario("same"), 0.3) == pytest.approx(100)
        assert carbon_index(100, Scenario("same")) == pytest.approx(100)

    @given(st.floats(0, 1), st.sampled_from(sorted(SCENARIOS_2030)), st.floats(1, 10))
    def test_each_factor_does_what_it_says(self, share, name, by):
        from dataclasses import replace

        scenario = SCENARIOS_2030[name]
        base = energy_index(scenario, share)
        for field, power in (("size", 1), ("tokens", 1), ("hardware", -1), ("quantisation", -1)):
            changed = replace(scenario, **{field: getattr(scenario, field) * by})
            assert energy_index(changed, share) == pytest.approx(base * by**power)
        assert carbon_index(base, scenario) <= base

    def test_only_use_follows_the_grid(self):
        clean = Scenario("clean", grid=1e-12)
        assert carbon_index(100, clean, embodied_share=0.05) == pytest.approx(5)

    def test_impossible(self):
        for bad in ({"size": 0}, {"tokens": -1}, {"pue": 0.9}, {"grid": math.inf}):
            with pytest.raises(InputError):
                Scenario("bad", **bad)
        for share in (-0.1, 1.1, math.nan):
            with pytest.raises(InputError):
                energy_index(Scenario("same"), share)
        with pytest.raises(InputError):
            occupied_energy_j(1, 0, 1, devices=1, device_w=1)

    def test_occupied_energy_by_hand(self):
        joules = occupied_energy_j(100, 50, 1, devices=2, device_w=10, calls=4, pue=1.5)
        assert joules == 4 * 3 * 2 * 10 * 1.5


class TestReturn:
    def test_definition(self):
        own = Quantity(10, 8, 20, "g CO2e", Evidence.MEASURED)
        avoided = Quantity(30, 20, 40, "g CO2e", Evidence.MEASURED)
        found = return_on_environment(own, avoided)
        assert (found.low, found.value, found.high) == (0, 2, 4)
        assert found.evidence is Evidence.MODELLED

    def test_nothing_avoided_loses_all(self):
        assert return_on_environment(exact(5, "L"), exact(0, "L")).value == -1
        assert return_on_environment(exact(5, "L"), exact(5, "L")).value == 0

    def test_unknown_and_impossible(self):
        assert math.isnan(return_on_environment(exact(5, "L"), unavailable("L")).value)
        for own, avoided in ((exact(0, "L"), exact(1, "L")), (exact(1, "L"), exact(-1, "L")),
                             (exact(1, "L"), exact(1, "J"))):  # fmt: skip
            with pytest.raises(InputError):
                return_on_environment(own, avoided)
