"""Cluster files: defaults, and every wrong one with its line. Operating points."""

import math
from pathlib import Path

import numpy as np
import pytest
from cluster_cases import small_cluster, small_table
from hypothesis import given, settings
from hypothesis import strategies as st

from picojoule.cluster import load_cluster, parse_power
from picojoule.cluster.config import Response
from picojoule.cluster.machine import machine
from picojoule.cluster.response import FULL, Setting, effect, factors
from picojoule.cluster.row import low_servers
from picojoule.errors import ChipError, InputError

EXAMPLE = Path(__file__).parents[3] / "examples" / "cluster.toml"


def edited(tmp_path, old, new):
    text = EXAMPLE.read_text()
    assert old in text
    path = tmp_path / "c.toml"
    path.write_text(text.replace(old, new))
    return path


def test_the_example():
    cluster = load_cluster(EXAMPLE)
    assert (cluster.servers, cluster.replicas, cluster.budget_w) == (40, 1, 260e3)
    assert cluster.sized(51).servers == 51
    assert cluster.sized(51).racks == 13
    assert cluster.sized(40, "1 MW").budget_w == 1e6


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("racks = 10", "racks = 0", "counts are whole numbers from 1"),
        ("racks = 10", "racks = 9999", "servers in all as well"),
        ("racks = 10", 'racks = "x"', r"(?s)c.toml:7: Expected `int`"),
        ("racks = 10", "shelves = 10", r"c.toml:7: .*unknown field `shelves`"),
        ("racks = 10\n", "", "missing required field `racks`"),
        ('budget = "260 kW"', 'budget = "lots"', r"(?s)c.toml:6: not a power.*'lots'"),
        ("tensor_parallel = 8", "tensor_parallel = 3", "tensor_parallel must divide"),
        ("low_priority_share = 0.5", "low_priority_share = 1.5", "shares are from 0 to 1"),
        ("low = 700", "low = 7000", "expected 0 <= low <= value"),
        ("period_s = 2", "period_s = 0", "whole seconds from 1"),
        ("racks = 10", "racks = = 10", "bad TOML"),
    ],
)
def test_wrong_files_are_named(tmp_path, old, new, message):
    with pytest.raises(InputError, match=message):
        load_cluster(edited(tmp_path, old, new))


def test_an_unknown_chip_and_a_missing_file(tmp_path):
    with pytest.raises(ChipError, match=r"(?s)a100-sxm-90gb.*a100-sxm-80gb"):
        load_cluster(edited(tmp_path, "a100-sxm-80gb", "a100-sxm-90gb"))
    with pytest.raises(InputError, match="can't read: No such file"):
        load_cluster(tmp_path / "none.toml")


@pytest.mark.parametrize(("text", "watts"), [("400kW", 4e5), ("260 kw", 2.6e5), ("1.5 MW", 1.5e6)])
def test_powers(text, watts):
    assert parse_power(text) == watts


@pytest.mark.parametrize("text", ["", "400", "-1 kW", "0 W", "kW", "1..2 kW", "1e999 W"])
def test_what_is_no_power(text):
    with pytest.raises(InputError, match="not a power"):
        parse_power(text)


@pytest.mark.parametrize("share", [0, 0.25, 1 / 3, 0.5, 1])
def test_low_priority_servers_are_spread_evenly(share):
    low = low_servers(small_cluster(racks=6, servers_per_rack=2, low_priority_share=share))
    assert low.sum() == round(12 * share)
    assert np.abs(np.cumsum(low) - share * np.arange(1, 13)).max() <= 1


# How phases answer to clocks and caps.


def test_the_default_response_is_within_poclas_published_ranges():
    """At 1110 of 1410 MHz: 20% off a 400 W prefill, and 5% more time for a decode-bound request."""
    prefill, decode = (factors(1110, s, Response()) for s in (0.9, 0.12))
    watts = 63 + (116 - 63) * prefill.clock + 284 * prefill.joules / prefill.seconds
    assert 1 - watts / 400 == pytest.approx(0.20, abs=0.01)
    assert decode.seconds == pytest.approx(1.045, abs=0.002)
    assert prefill.seconds == pytest.approx(1.25, abs=0.01)


@settings(max_examples=100, deadline=None)
@given(st.floats(200, 1400), st.floats(1, 9), st.floats(0, 1))
def test_a_lower_clock_is_never_faster_and_never_draws_more(mhz, step, share):
    low, high = (factors(f, share, Response()) for f in (mhz, mhz + step))
    assert low.seconds >= high.seconds >= 1
    assert low.joules <= high.joules <= 1
    assert low.joules / low.seconds <= high.joules / high.seconds


def test_no_limit_changes_nothing():
    full = effect(FULL, small_table(), Response())
    assert full.prefill == full.short == full.decode == (1.0, 1.0, 1.0)
    assert full.lag_s == 0


@pytest.mark.parametrize("cap_w", [150.0, 200.0, 300.0])
def test_a_cap_keeps_the_busiest_phase_below_it(cap_w):
    table, response = small_table(), Response()
    found = effect(Setting(cap_w=cap_w), table, response)
    for f, dynamic_w in zip((found.prefill, found.decode), table.busiest_w, strict=True):
        full_w = table.active_w + dynamic_w
        watts = table.idle_w + (table.active_w - table.idle_w) * f.clock
        watts += dynamic_w * f.joules / f.seconds
        assert watts == pytest.approx(min(cap_w, full_w), rel=1e-6)


def test_a_cap_acts_late_and_a_lock_at_once():
    """A power cap is reactive: prefills shorter than its lag pass it (POLCA, section 3)."""
    cluster, table = small_cluster(), small_table()
    lag_s = cluster.response.cap_lag_s
    free, capped = (machine(cluster, table, s) for s in (FULL, Setting(cap_w=100.0)))
    short, long = (0.9 * lag_s, 20.0, 64), (10 * lag_s, 400.0, 900)
    assert capped.prefill_cost(*short) == free.prefill_cost(*short)
    assert capped.prefill_cost(*long)[0] > free.prefill_cost(*long)[0]
    locked = machine(cluster, table, Setting(mhz=1110.0))
    assert locked.prefill_cost(*short)[0] > free.prefill_cost(*short)[0]


def test_short_prompts_have_their_own_clock():
    m = machine(small_cluster(), small_table(), Setting(short_mhz=1110.0, short_tokens=100))
    assert m.prefill_cost(0.1, 10.0, 100)[0] == pytest.approx(0.125, abs=0.001)
    assert m.prefill_cost(0.1, 10.0, 101)[0] == pytest.approx(0.1)


def test_the_brake_is_almost_a_halt():
    cluster, table = small_cluster(), small_table()
    m = machine(cluster, table, FULL, braked=True)
    assert m.prefill_cost(0.1, 10.0, 100)[0] > 0.4
    assert m.step_s[1] > 2.5 * table.step_s[0]
    asleep = machine(cluster, table, FULL, asleep=True)
    assert asleep.idle_w == 20
    assert math.isclose(asleep.base_w, machine(cluster, table, FULL).base_w)
