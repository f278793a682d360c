"""Closed forms of systolic arrays against a count cycle by cycle."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spatial_fakes import conv, matmul

from picojoule.cost.systolic import DATAFLOWS, Product, product_of, systolic
from picojoule.errors import InputError

SMALL = st.integers(1, 9)


def counted(m, k, n, rows, columns):
    """Weight-stationary, unit by unit: weights load over `rows` cycles, then input i reaches
    unit (r, c) i + r + c cycles later; the last partial sum leaves the last row."""
    cycles, reads, sums = 0, 0, 0
    for top, left in itertools.product(range(0, k, rows), range(0, n, columns)):
        used_rows, used_columns = min(rows, k - top), min(columns, n - left)
        # The array is skewed by its own size, used or not.
        last = rows + (m - 1) + (rows - 1) + (columns - 1)
        cycles += last + 1
        reads += m * used_rows
        sums += m * used_columns
    return cycles - 1, reads, sums


@given(SMALL, SMALL, SMALL, st.integers(1, 4), st.integers(1, 4))
def test_weight_stationary_is_what_a_count_gives(m, k, n, rows, columns):
    run = systolic(Product(m, k, n), rows, columns)
    assert (run.cycles, run.sram_input, run.sram_output) == counted(m, k, n, rows, columns)
    assert run.sram_weight == k * n


@given(SMALL, SMALL, SMALL, st.integers(1, 4), st.integers(1, 4), st.sampled_from(DATAFLOWS))
def test_an_array_is_never_used_above_its_size(m, k, n, rows, columns, dataflow):
    run = systolic(Product(m, k, n), rows, columns, dataflow)
    assert (run.cycles + 1) * rows * columns >= m * k * n
    assert 0 < run.utilisation <= 1


@given(SMALL, SMALL, SMALL, st.sampled_from(DATAFLOWS))
def test_input_and_weight_stationary_mirror_each_other(m, k, n, dataflow):
    a = systolic(Product(m, k, n), 4, 4, "weight")
    b = systolic(Product(n, k, m), 4, 4, "input")
    assert (a.cycles, a.sram_input, a.sram_weight) == (b.cycles, b.sram_weight, b.sram_input)


def test_a_smaller_memory_never_reads_less():
    product = Product(64, 64, 64)
    runs = [systolic(product, 8, 8, "weight", (room,) * 3) for room in (1e9, 4000, 10)]
    reads = [r.dram_input + r.dram_weight + r.dram_output for r in runs]
    assert reads == sorted(reads)
    assert reads[0] == 3 * 64 * 64


def test_a_convolution_is_a_product_per_group():
    grouped = product_of(conv(k=2, c=3, p=4, r=3, g=5))
    assert (grouped.m, grouped.k, grouped.n, grouped.groups) == (4, 9, 2, 5)
    assert grouped.unique_input == 3 * 6
    assert product_of(matmul(4, 5, 6)) == Product(4, 6, 5, 1, 24)
    whole = systolic(grouped, 4, 4)
    assert whole.folds == 5 * 3 * 1


@pytest.mark.parametrize("bad", [
    lambda: systolic(Product(0, 4, 4), 2, 2), lambda: systolic(Product(4, 4, 4), 0, 2)
])  # fmt: skip
def test_sizes_are_at_least_one(bad):
    with pytest.raises(InputError, match="at least 1"):
        bad()


def test_an_unknown_dataflow():
    with pytest.raises(InputError, match="unknown dataflow 'wheight'"):
        systolic(Product(1, 1, 1), 1, 1, "wheight")
