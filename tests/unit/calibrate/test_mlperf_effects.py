"""Shifts by level: against closed forms, a refit for each block left out, and odd rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picojoule.calibrate.mlperf.effects import Effects, Spread, fit

SPREADS = (Spread(1.0, 0.5), Spread(0.3, 0.2))


def synthetic(seed, boards=4, rows=12):
    """Rows of boards with shifts drawn from the prior, their levels and joules."""
    random = np.random.default_rng(seed)
    parts = random.lognormal(0.0, 0.7, (boards * rows, 3))
    levels = [(f"board {i // rows}", f"run {i // (rows // 2)}") for i in range(boards * rows)]
    shifts = {name: random.normal(0, 0.3, 3) for row in levels for name in row}
    cost = np.array([shifts[a] + shifts[b] for a, b in levels])
    energy_j = (parts * np.exp(cost)).sum(1) * random.lognormal(0, 0.02, len(levels))
    return parts, levels, energy_j


def test_one_part_and_one_level_shrink_the_mean_as_a_normal_prior_does():
    log_e = np.array([0.11, 0.09, 0.10, 0.10])
    noise, spread = 10.0, 5.0  # noise far above the residuals: Student's t is its normal centre
    found = fit(np.ones((4, 1)), [("a",)] * 4, np.exp(log_e), [Spread(spread, 1e-6)], noise, 0.0)
    weight = 5.0 / 4.0 / noise**2
    expected = log_e.sum() * weight / (4 * weight + 1 / spread**2)
    assert found.effects.shifts["a"][0] == pytest.approx(expected, rel=1e-3)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_rows_drawn_from_the_model_are_described_to_their_noise(seed):
    parts, levels, energy_j = synthetic(seed)
    found = fit(parts, levels, energy_j, SPREADS, 0.05)
    error = np.log(energy_j) - found.effects.log_j(parts, levels)
    assert np.median(np.abs(error)) < 0.04


def test_a_block_left_out_in_closed_form_is_near_a_fit_without_it():
    parts, levels, energy_j = synthetic(3)
    halves = [f"{board} {i % 3}" for i, (board, _) in enumerate(levels)]
    closed = fit(parts, levels, energy_j, SPREADS, 0.05).left_out(halves)
    for name in set(halves):
        inside = np.array([half == name for half in halves])
        outside = [row for row, out in zip(levels, ~inside, strict=True) if out]
        model = fit(parts[~inside], outside, energy_j[~inside], SPREADS, 0.05).effects
        asked = [row for row, here in zip(levels, inside, strict=True) if here]
        refit = np.log(energy_j[inside]) - model.log_j(parts[inside], asked)
        np.testing.assert_allclose(closed[inside], refit, atol=0.05)


def test_an_odd_row_moves_the_costs_of_its_board_hardly():
    parts, levels, energy_j = synthetic(5)
    spoiled = energy_j.copy()
    spoiled[2] *= 20.0
    clean, odd = (fit(parts, levels, e, SPREADS, 0.05).effects for e in (energy_j, spoiled))
    rest = np.arange(energy_j.size) != 2
    moved = clean.log_j(parts, levels) - odd.log_j(parts, levels)
    assert np.abs(moved[rest]).max() < 0.1


def test_a_level_never_seen_shifts_nothing():
    effects = Effects(1.0, {"a": (0.5, -0.5)})
    np.testing.assert_allclose(effects.of([("new",), ("a",)], 2), [[1.0, 1.0], [1.5, 0.5]])
    assert effects.log_j(np.ones((1, 2)), [("new",)])[0] == pytest.approx(1.0 + np.log(2))
