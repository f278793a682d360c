"""Elements that multiply otherwise, against plain products; identities and line buffers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from picojoule.cost.elements import (
    booth_digits,
    dequantised_gemm,
    grouped_gemm,
    lut_gemm,
    lut_work,
    mean_partial_products,
    partial_products,
    scale_multiplications,
    shift_adds,
    signed_digits,
    tables,
)
from picojoule.cost.identities import (
    bytes_per_token,
    implied_power_w,
    streaming_s,
    unit_factors,
)
from picojoule.cost.line_buffer import (
    line_buffer_bytes,
    lines_needed,
    random_access_bytes,
    streamed_bytes,
)
from picojoule.errors import InputError

SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, st.integers(1, 4), st.integers(1, 8), st.integers(1, 20))
def test_looking_up_equals_multiplying(seed: int, bits: int, group: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(-128, 128, (3, k))
    codes = rng.integers(0, 2**bits, (5, k))
    assert (lut_gemm(x, codes, bits, group) == x @ codes.T).all()


def test_a_table_by_hand() -> None:
    assert tables([[1, 10, 100]], 3).tolist() == [[[-111, -109, -91, -89]]]
    assert tables([[1, 10]], 4).shape == (1, 1, 8)  # filled up with zeros


def test_work_of_looking_up() -> None:
    work = lut_work(2, 64, 4, 2, 4)
    assert (work.entries, work.lookups, work.adds) == (8, 2 * 64 * 2, 2 * 64 * 2)
    assert work.table_adds == 2 * (3 + 7)  # a first sum of 4 numbers, then one change at a time
    assert lut_work(1, 1, 5, 1, 4).lookups == 2


@given(SEEDS, st.sampled_from([1, 2, 4, 8]))
def test_scaling_after_the_group_equals_scaling_before(seed: int, group: int) -> None:
    rng = np.random.default_rng(seed)
    x, codes = rng.integers(-128, 128, (3, 16)), rng.integers(-8, 8, (5, 16))
    scales = 2.0 ** rng.integers(-8, 8, (5, 16 // group))  # no rounding of its own
    expected = x @ (np.repeat(scales, group, axis=1) * codes).T
    assert (grouped_gemm(x, codes, scales) == expected).all()
    assert (dequantised_gemm(x, codes, scales) == expected).all()


def test_multiplications_by_a_scale() -> None:
    assert scale_multiplications(4096) == 4096
    assert scale_multiplications(4096, 128) == 32
    assert scale_multiplications(100, 64) == 2
    assert shift_adds([0, 1, 3, -5, 7, -8]).tolist() == [0, 1, 2, 2, 3, 1]


@pytest.mark.parametrize("encode", [signed_digits, booth_digits])
@pytest.mark.parametrize("bits", [2, 4, 8, 12])
def test_digits_add_up_to_every_value(encode, bits: int) -> None:
    values = np.arange(-(1 << bits - 1), 1 << bits - 1)
    digits = encode(values, bits)
    assert digits.shape == (len(values), bits // 2)
    assert (digits @ 4 ** np.arange(bits // 2) == values).all()
    assert np.abs(digits).max() <= 2
    assert partial_products(digits).max() <= bits // 2


def test_booth_digits_by_the_textbook() -> None:
    # 0110 1101 with a 0 appended: 010 -> 1, 110 -> -1, 101 -> -1, 011 -> 2
    assert booth_digits([0b01101101]).tolist() == [[1, -1, -1, 2]]


@pytest.mark.parametrize("encode", [signed_digits, booth_digits])
def test_the_mean_is_that_of_samples(encode) -> None:
    rng = np.random.default_rng(1)
    drawn = np.clip(np.rint(rng.normal(0, 30, 400_000)), -128, 127).astype(int)
    found = partial_products(encode(drawn))
    error = found.std() / len(found) ** 0.5
    assert mean_partial_products(encode, 30) == pytest.approx(found.mean(), abs=5 * error)


def test_the_published_table_is_not_booths() -> None:
    published = {10: 1.75, 20: 2.10, 30: 2.32, 40: 2.48, 50: 2.60}
    for sigma, mean in published.items():
        assert mean_partial_products(signed_digits, sigma) == pytest.approx(mean, rel=0.01)
        assert mean_partial_products(booth_digits, sigma) > 1.05 * mean


@pytest.mark.parametrize("call", [
    lambda: lut_gemm([[1.5]], [[1]], 1),
    lambda: lut_gemm([[1]], [[2]], 1),
    lambda: lut_gemm([[1]], [[-1]], 1),
    lambda: lut_gemm([[1, 2]], [[1]], 1),
    lambda: lut_gemm([1], [[1]], 1),
    lambda: lut_gemm([[1]], [[1]], 0),
    lambda: lut_gemm([[1]], [[1]], 9),
    lambda: tables([[1]], 0),
    lambda: tables([[1]], 9),
    lambda: lut_work(0, 1, 1, 1),
    lambda: grouped_gemm([[1, 2, 3]], [[1, 2, 3]], [[1.0, 1.0]]),
    lambda: grouped_gemm([[1, 2]], [[1, 2]], [[1.0], [1.0]]),
    lambda: grouped_gemm([[1.0]], [[1]], [[1.0]]),
    lambda: dequantised_gemm([[1, 2]], [[1]], [[1.0]]),
    lambda: scale_multiplications(0),
    lambda: scale_multiplications(8, 0),
    lambda: signed_digits([128]),
    lambda: booth_digits([-129]),
    lambda: signed_digits([0.5]),
    lambda: signed_digits([1], 7),
    lambda: mean_partial_products(signed_digits, 0),
    lambda: mean_partial_products(signed_digits, float("nan")),
    lambda: bytes_per_token(0, 1, 1),
    lambda: bytes_per_token(1, 1, 1.5),
    lambda: implied_power_w(1, -1, 1),
    lambda: streaming_s(1, 0, 1, 1),
    lambda: unit_factors([1], [1, 2], [1]),
    lambda: unit_factors([0], [1], [1]),
    lambda: unit_factors([1], [1], [float("nan")]),
    lambda: lines_needed(0, 1),
    lambda: lines_needed(3, -1),
    lambda: line_buffer_bytes(0, 1, 3, 1, 1),
    lambda: streamed_bytes(4, 4, 4, 0),
])  # fmt: skip
def test_impossible_numbers_are_refused(call) -> None:
    with pytest.raises(InputError):
        call()


@given(st.integers(1, 5), st.integers(0, 5), SEEDS)
def test_bounded_taps_stay_within_the_lines(kernel: int, bound: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    extremes = rng.choice([-bound, bound], (200, kernel, kernel))
    rows = np.arange(kernel)[:, None] + extremes
    assert np.ptp(rows) + 1 <= lines_needed(kernel, bound)
    widest = np.array([-bound, kernel - 1 + bound])
    assert np.ptp(widest) + 1 == lines_needed(kernel, bound)


def test_bytes_of_a_line_buffer() -> None:
    assert line_buffer_bytes(64, 116, 3, 4, 1) == 11 * 64 * 116
    assert streamed_bytes(64, 64, 116, 0.5) == 64 * 64 * 58
    assert random_access_bytes(64, 64, 116, 3, 1) == 9 * streamed_bytes(64, 64, 116, 1)


def test_mixed_units_of_time_are_found() -> None:
    """A table of DRAM runs has 1.70 W and 0.085 J beside 0.050 and 5.0e-5 of one column."""
    energy, power = [0.085, 0.085, 0.085, 0.085], [1.70, 1.70, 1.70, 1.70]
    factors = unit_factors(energy, power, [0.050, 5.0e-5, 0.0505, 0.030])
    assert factors[:3].tolist() == [1, 1000, 1]
    assert np.isnan(factors[3])  # not a unit: the row is wrong


def test_power_from_ratios() -> None:
    """A machine twice as fast on half the energy takes the same power."""
    assert implied_power_w(70, 2, 2) == 70
    assert streaming_s(8e9, 8, 16, 32e9) == 8 / 4096
