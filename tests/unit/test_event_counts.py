"""Data is classified by looking at it, and counts agree with brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from picojoule.cost.event import (
    DataClass,
    EventCounts,
    Recording,
    conv_fan_out,
    count_events,
    look,
)
from picojoule.cost.event.rulebook import strided_pairs, submanifold_pairs
from picojoule.errors import InputError

RNG = np.random.default_rng(0)


def dense(inputs, outputs, **more):
    return count_events(Recording(np.asarray(inputs, dtype=float), outputs), **more)


@given(st.integers(1, 15), st.floats(1e-3, 1e3), st.integers(0, 2**32), st.booleans())
def test_integers_times_any_unit_are_seen_as_integers(levels, unit, seed, signed):
    n = np.random.default_rng(seed).integers(-levels if signed else 0, levels + 1, 200)
    n[0] = levels
    seen = look((n * unit).astype(np.float32))
    common = np.gcd.reduce(np.abs(n))
    assert seen.levels == np.abs(n).max() // common
    assert seen.kind is (DataClass.BINARY if seen.levels == 1 else DataClass.INTEGER)
    assert seen.mean == pytest.approx(np.abs(n).mean() / common)
    assert seen.density == np.mean(n != 0)
    assert seen.format.limits[1] >= seen.levels
    assert not seen.multiplies


@given(st.integers(0, 2**32))
def test_real_data_is_seen_as_real(seed):
    rng = np.random.default_rng(seed)
    for x in (rng.normal(size=500), np.maximum(rng.normal(size=500), 0), rng.random(40)):
        assert look(x).kind is DataClass.REAL


def test_a_real_value_among_many_spikes_is_found():
    x = (RNG.random(20_000) < 0.1).astype(float)
    assert look(x).kind is DataClass.BINARY
    x[-1] = np.pi
    assert look(x).kind is DataClass.REAL


def test_a_pixel_is_multiplied_and_silence_is_not():
    assert look(RNG.integers(0, 256, 1000)).multiplies
    assert look(np.zeros(3)).kind is DataClass.BINARY
    assert dense(RNG.integers(0, 256, (1, 1000)), 10).macs == 10_000


@pytest.mark.parametrize("bad", [[np.nan], [np.inf, 1], [], ["spike"], [[1, 2], [3]]])
def test_what_is_no_activation_is_refused(bad):
    with pytest.raises(InputError):
        look(bad)


def test_dense_binary_input_in_one_step_has_the_additions_of_the_macs():
    assert dense(np.ones((1, 64)), 32) == EventCounts(acs=2048, graded_macs=2048, events=64)
    assert dense(RNG.normal(size=(1, 64)), 32) == EventCounts(macs=2048)


def test_zero_input_has_only_neuron_updates():
    counts = count_events(Recording(np.zeros((5, 64)), 32, neurons=32))
    assert counts == EventCounts(updates=160)


def test_the_order_of_time_changes_no_count():
    x = (RNG.random((6, 50)) < 0.2).astype(float)
    assert dense(x, 10) == dense(x[::-1], 10)


def test_integers_add_once_per_unit_spike_and_multiply_once_per_event():
    x = RNG.integers(0, 5, (3, 40)) / 4
    counts = dense(x, 7)
    assert counts.acs == pytest.approx(4 * x.sum() * 7)
    assert counts.graded_macs == np.count_nonzero(x) * 7


def test_a_layer_that_sees_the_same_image_can_run_once():
    image = np.tile(RNG.random(64), (5, 1))
    assert Recording(image, 64).repeated
    assert dense(image, 64).macs == 5 * dense(image, 64, hoist=True).macs
    image[1, 0] += 0.1
    assert dense(image, 64).macs == dense(image, 64, hoist=True).macs


@pytest.mark.parametrize(
    ("shape", "kernel", "stride", "padding"),
    [
        ((9, 7), (3, 3), 1, 1),
        ((8, 8), (3, 2), 2, 0),
        ((10, 6), (5, 3), 3, 2),
        ((4, 4), (7, 7), 1, 3),
    ],
)
def test_fan_out_of_a_convolution_is_that_of_brute_force(shape, kernel, stride, padding):
    brute = np.zeros(shape)
    outs = [(n + 2 * padding - k) // stride + 1 for n, k in zip(shape, kernel, strict=True)]
    for out in np.ndindex(*outs):
        for tap in np.ndindex(*kernel):
            at = tuple(o * stride + t - padding for o, t in zip(out, tap, strict=True))
            if all(0 <= a < n for a, n in zip(at, shape, strict=True)):
                brute[at] += 6
    found = conv_fan_out(shape, kernel, 6, stride=stride, padding=padding)
    np.testing.assert_array_equal(found, brute)


def test_bad_layers_are_refused():
    with pytest.raises(InputError, match="no time steps"):
        Recording(np.zeros((0, 4)), 3)
    with pytest.raises(InputError, match="fan_out"):
        Recording(np.zeros((2, 4)), np.ones(3))
    with pytest.raises(InputError, match="counts"):
        Recording(np.zeros((2, 4)), -1.0)
    with pytest.raises(InputError, match="NaN"):
        Recording(np.full((2, 4), np.nan), 1.0)
    with pytest.raises(InputError, match="kernel is larger"):
        conv_fan_out((2, 2), (5, 5), 1)
    with pytest.raises(InputError, match="not a convolution"):
        conv_fan_out((2, 2), (1, 1), 0)


def test_rulebook_counts_what_a_masked_dense_convolution_does():
    grid = (RNG.random((8, 9, 7)) < 0.2).astype(int)
    padded = np.pad(grid, 1)
    brute = sum(
        int((grid * padded[x : x + 8, y : y + 9, z : z + 7]).sum())
        for x, y, z in np.ndindex(3, 3, 3)
    )
    sites = np.argwhere(grid)
    assert submanifold_pairs(np.concatenate([sites, sites[:3]])) == brute
    pairs, coarse = strided_pairs(sites)
    blocks = np.pad(grid, ((0, 0), (0, 1), (0, 1))).reshape(4, 2, 5, 2, 4, 2).sum((1, 3, 5))
    assert (pairs, len(coarse)) == (grid.sum(), np.count_nonzero(blocks))
    for bad in ({"kernel": 2}, {"kernel": 0}):
        with pytest.raises(InputError):
            submanifold_pairs(sites, **bad)
    with pytest.raises(InputError):
        submanifold_pairs(sites / 2)
    with pytest.raises(InputError):
        strided_pairs(sites, 0)
