"""Joules stay within 0.1% of the truth or are reported as a gap: never negative, never phantom."""

from __future__ import annotations

import math
from itertools import pairwise
from random import Random

import pytest
from faulty_source import (
    COUNTER_FAULTS,
    LONGEST_DT_S,
    MAX_W,
    POWER_FAULTS,
    STUCK_S,
    UPDATE_S,
    Fault,
    Play,
    dice,
    play,
    random_faults,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from picojoule.meter.accumulate import AMBIGUOUS, BACKWARDS, STUCK, Accumulator, between
from picojoule.meter.base import Domain, Quantum, Sample, Scope

TOLERANCE = 1e-3
SEQUENCES = 10_000


def check(played: Play, steady_w: float | None, random: Random) -> None:
    """Random windows of one sequence, nested and overlapping as they come."""
    meter = Accumulator(played.domain, update_s=UPDATE_S, stuck_s=STUCK_S)
    marks = []
    mark_all = random.random() < 0.5  # marks themselves must not change anything
    wanted = {random.randrange(len(played.samples)) for _ in range(5)} | {
        0,
        len(played.samples) - 1,
    }
    for i, sample in enumerate(played.samples):
        meter.add(sample)
        if mark_all or i in wanted:
            marks.append((i, meter.mark()))
    for _ in range(6):
        (i, a), (j, b) = sorted(random.sample(marks, 2), key=lambda m: m[0])
        check_window(played, i, j, between(a, b), steady_w)
    check_window(played, 0, len(played.samples) - 1, between(marks[0][1], marks[-1][1]), steady_w)


def check_window(played, i, j, energy, steady_w):
    true_j = played.true_j[j] - played.true_j[i]
    seconds = played.elapsed_s[j] - played.elapsed_s[i]
    assert energy.covered_s >= 0
    assert energy.gap_s >= 0
    if played.clock_is_sane:
        assert energy.covered_s + energy.gap_s == pytest.approx(seconds, abs=1e-6)
    if energy.gap_s > 1e-9:
        assert energy.reasons
    if math.isnan(energy.energy_j):
        assert energy.covered_s <= 1e-9
        return
    assert 0 <= energy.low_j <= energy.energy_j <= energy.high_j
    slack_j = 4e-6 + 1e-9 * true_j
    if {i, j} & played.freezing:  # nobody could know at this edge; the interval before it is lost
        slack_j += MAX_W * LONGEST_DT_S
    if steady_w is not None:  # then the joules of any stretch of time are known
        covered_j = steady_w * energy.covered_s
        assert energy.energy_j >= covered_j * (1 - TOLERANCE) - slack_j
        assert energy.energy_j <= covered_j * (1 + TOLERANCE) + slack_j + played.extra_j
    assert energy.energy_j <= true_j * (1 + TOLERANCE) + slack_j + played.extra_j
    assert energy.energy_j >= true_j * (1 - TOLERANCE) - slack_j - MAX_W * energy.gap_s or (
        not played.clock_is_sane
    )


@pytest.mark.parametrize("quantum", list(Quantum))
def test_ten_thousand_sequences_of_faults(quantum):
    for seed in range(SEQUENCES // 2):
        random = dice(seed)
        faults = random_faults(random, quantum)
        steady_w = random.uniform(1, 0.9 * MAX_W) if seed % 2 else None
        played = play(faults, quantum, random.random() < 0.7, seed, steady_w)
        try:
            check(played, steady_w, random)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, {faults}") from error


def fault_lists(kinds):
    fault = st.builds(Fault, st.sampled_from(kinds), st.integers(0, 3), st.floats(0, 1))
    return st.lists(fault, max_size=5)


@given(fault_lists(COUNTER_FAULTS), st.booleans(), st.integers(0, 2**16), st.floats(1, 180))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_faults_of_a_counter(faults, wraps, seed, steady_w):
    check(play(faults, Quantum.COUNTER_J, wraps, seed, steady_w), steady_w, dice(seed))


@given(fault_lists(POWER_FAULTS), st.integers(0, 2**16), st.floats(1, 180))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_faults_of_power(faults, seed, steady_w):
    check(play(faults, Quantum.POWER_W, False, seed, steady_w), steady_w, dice(seed))


@given(st.lists(st.tuples(st.floats(), st.none() | st.floats()), max_size=12), st.booleans())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_garbage_never_raises_and_never_goes_negative(pairs, counter):
    domain = Domain("d", "cpu", Scope.CHIP, Quantum.COUNTER_J if counter else Quantum.POWER_W)
    meter = Accumulator(domain)
    marks = [meter.mark()]
    for time_s, value in pairs:
        meter.add(Sample("d", time_s, value))
        marks.append(meter.mark())
    for a, b in pairwise(marks):
        for energy in (between(a, b), between(marks[0], b)):
            assert math.isnan(energy.energy_j) or energy.energy_j >= 0
            assert energy.covered_s >= 0


def counter(wraps_at_j=None, max_w=100.0, component="cpu"):
    return Domain("c", component, Scope.CHIP, Quantum.COUNTER_J, None, wraps_at_j, 0.0, max_w)


def run(domain, values, dt_s=1.0, **options):
    """Energy from the first to the last of values that come every `dt_s`."""
    meter = Accumulator(domain, **options)
    marks = []
    for i, value in enumerate(values):
        meter.add(Sample(domain.name, i * dt_s, value, "" if value is not None else "denied"))
        marks.append(meter.mark())
    return between(marks[0], marks[-1]), marks


def test_clean_counter():
    energy, _ = run(counter(), [1000, 1050, 1100])
    assert (energy.energy_j, energy.covered_s, energy.gap_s) == (100, 2, 0)
    assert energy.n_samples == 2
    assert energy.reasons == ()


def test_wrap_is_believed_where_it_is_plausible():
    energy, _ = run(counter(wraps_at_j=10_000), [9_950, 10, 60])
    assert energy.energy_j == 110
    assert energy.gap_s == 0


def test_one_failed_read_is_not_a_wrap():
    """50 W with one failed read: a public tool books 262 kJ here."""
    energy, _ = run(counter(wraps_at_j=262_143), [100_000, 100_050, None, 100_150, 100_200])
    assert energy.energy_j == 200
    assert energy.gap_s == 0
    assert energy.reasons == ("denied",)


def test_reset_is_a_gap_and_counts_nothing():
    energy, _ = run(counter(wraps_at_j=262_143), [100_000, 100_050, 20, 70])
    assert (energy.energy_j, energy.covered_s, energy.gap_s) == (100, 2, 1)
    assert energy.reasons == (BACKWARDS,)
    assert energy.high_j >= 200  # at most max_w in the gap


def test_gap_at_the_end_is_not_in_the_interval():
    energy, _ = run(counter(), [1000, 1050, None, None])
    assert (energy.energy_j, energy.covered_s, energy.gap_s) == (50, 1, 2)
    assert energy.high_j < 60


def test_window_that_begins_in_a_bridged_gap_does_not_get_its_joules():
    _, marks = run(counter(), [1000, 1050, None, 1150, 1200])
    energy = between(marks[2], marks[4])
    assert (energy.energy_j, energy.covered_s, energy.gap_s) == (50, 1, 1)
    assert energy.high_j >= 100


def test_nothing_read_is_not_zero():
    energy, _ = run(counter(), [None, None])
    assert math.isnan(energy.energy_j)
    assert energy.gap_s == 1


def test_stuck_counter_is_a_gap_back_to_the_interval_in_which_it_froze():
    energy, marks = run(counter(), [0, 50, 60, 60, 60, 60, 60, 110, 160], stuck_s=3)
    assert (energy.energy_j, energy.covered_s, energy.gap_s) == (100, 2, 6)
    assert STUCK in energy.reasons
    after = between(marks[2], marks[8])  # began after the interval that was taken back
    assert (after.energy_j, after.covered_s, after.gap_s) == (50, 1, 5)
    before = between(marks[0], marks[2])  # what was said stays said
    assert before.energy_j == 60


def test_a_stuck_counter_that_also_fails_stays_stuck():
    values = [0, 50, 60, 60, 60, 60, 60, None, 110, 160]
    energy, _ = run(counter(), values, stuck_s=3)
    assert (energy.energy_j, energy.covered_s, energy.gap_s) == (100, 2, 7)


def test_reads_that_fail_for_too_long_are_a_gap():
    """The counter may have been reset and have come back meanwhile."""
    energy, _ = run(counter(), [1000, 1050, None, None, None, None, 1060, 1110], bridge_s=3)
    assert (energy.energy_j, energy.covered_s, energy.gap_s) == (100, 2, 5)


def test_a_tick_of_a_slow_counter_is_no_jump():
    """NVML's counter moves every 100 ms: 30 J may appear between two reads 1 ms apart."""
    energy, _ = run(counter(max_w=400, component="gpu"), [0, 30, 30, 30], dt_s=0.001)
    assert energy.energy_j == 30
    assert energy.reasons == ()


def test_interval_of_a_window_of_few_ticks_is_wide():
    energy, _ = run(counter(max_w=400, component="gpu"), [0, 30, 60], dt_s=0.1)
    assert energy.energy_j == 60
    assert energy.low_j == pytest.approx(30)
    assert energy.high_j == pytest.approx(90)


def test_too_long_for_a_wrapping_counter_is_a_gap():
    energy, _ = run(counter(wraps_at_j=1000), [0, 500, 600], dt_s=20.0)
    assert energy.gap_s == 40
    assert energy.reasons == (AMBIGUOUS,)


def test_power_is_a_trapezoid_with_the_spread_between_samples():
    domain = Domain("p", "gpu", Scope.DEVICE, Quantum.POWER_W, max_w=500)
    energy, _ = run(domain, [100, 200, 200])
    assert energy.energy_j == 350
    assert (energy.low_j, energy.high_j) == (300, 400)


def test_failed_power_read_is_a_gap_on_both_sides():
    domain = Domain("p", "gpu", Scope.DEVICE, Quantum.POWER_W, max_w=500)
    energy, _ = run(domain, [100, None, 100, 100])
    assert (energy.energy_j, energy.covered_s, energy.gap_s) == (100, 1, 2)


def test_a_process_may_use_nothing():
    domain = Domain("c", "cpu", Scope.PROCESS, Quantum.COUNTER_J)
    energy, _ = run(domain, [0.0, 5.0, *[5.0] * 30])
    assert energy.energy_j == 5
    assert energy.gap_s == 0


def test_thousand_nested_windows_agree():
    meter = Accumulator(counter(), update_s=0.0)
    begins, t = [], 0.0
    for i in range(1000):
        meter.add(Sample("c", float(i), 1000 + 50.0 * i))
        begins.append(meter.mark())
    for i, begin in enumerate(reversed(begins)):
        t = 1000.0 + i
        meter.add(Sample("c", t, 1000 + 50 * t))
        energy = between(begin, meter.mark())
        assert energy.energy_j == pytest.approx(50 * (t - begin.time_s))
        assert energy.gap_s == 0


def test_memory_stays_bounded_with_marks_in_every_gap():
    meter = Accumulator(counter())
    for i in range(2000):
        meter.add(Sample("c", float(i), None if i % 2 else 50.0 * i, "denied"))
        mark = meter.mark()
    assert len(mark.closed) <= 256
    assert len(mark.reasons) < 5
