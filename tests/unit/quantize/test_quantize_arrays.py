"""Quantisers on arrays: partitions, scale rules, roundings, and what they give together."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picojoule.errors import InputError
from picojoule.formats import (
    FP16,
    Codebook,
    FixedPoint,
    Float,
    Int,
    Log,
    MultiBinary,
    PowSum,
    SharedExponent,
    Ternary,
)
from picojoule.transforms.quantize import (
    RULES,
    Block,
    Channel,
    Group,
    Head,
    Permuted,
    Quantizer,
    Subset,
    Tensor,
    Token,
    dyadic,
    power_of_two,
)
from picojoule.transforms.quantize import rounding as rounding_of
from picojoule.transforms.quantize import scale as scale_of
from picojoule.transforms.quantize.outputs import Outputs, gram

RNG = np.random.default_rng(0)
W = RNG.normal(size=(12, 24)) * np.exp(RNG.normal(size=(12, 1)))
X = RNG.normal(size=(200, 24)) @ RNG.normal(size=(24, 24))
ORDER = tuple(np.random.default_rng(1).permutation(24).tolist())
PARTITIONS = [
    (Tensor(), 1),
    (Channel(0), 12),
    (Channel(-1), 24),
    (Token(), 12),
    (Group(8), 36),
    (Group(4, axis=0), 72),
    (Block(3, 8), 12),
    (Head(4), 4),
    (Permuted(Group(8), ORDER), 36),
]
GRIDS = [
    Int(4),
    Int(8, narrow=True),
    Int(4, signed=False),
    FixedPoint(6, 3),
    Float(2, 1, specials="none"),
    Float(4, 3),
    PowSum(),
    Ternary(),
    Log(4, signed=True),
]


def output_error(q):
    return float(np.square((q - W) @ X.T).mean())


# Partitions


@pytest.mark.parametrize(("granularity", "parts"), PARTITIONS, ids=str)
def test_join_is_the_inverse_of_split_and_parts_are_disjoint(granularity, parts):
    rows = granularity.split(W)
    assert rows.shape == (parts, W.size // parts) == (granularity.parts(W.shape), rows.shape[1])
    assert np.array_equal(granularity.join(rows, W.shape), W)
    assert np.array_equal(np.sort(rows, axis=None), np.sort(W, axis=None))


@pytest.mark.parametrize(("granularity", "parts"), PARTITIONS, ids=str)
def test_torch_tensors_are_split_alike(granularity, parts):
    torch = pytest.importorskip("torch")
    rows = granularity.split(torch.as_tensor(W))
    assert np.array_equal(rows.numpy(), granularity.split(W))
    assert np.array_equal(granularity.join(rows, W.shape).numpy(), W)


def test_parts_are_what_their_names_say():
    x = np.arange(24).reshape(4, 6)
    assert Channel(1).split(x)[1].tolist() == [1, 7, 13, 19]
    assert Group(3).split(x)[3].tolist() == [9, 10, 11]
    assert Block(2, 3).split(x)[1].tolist() == [3, 4, 5, 9, 10, 11]
    assert Head(2).split(x)[1].tolist() == list(range(12, 24))
    assert Permuted(Group(3), (5, 4, 3, 2, 1, 0)).split(x)[0].tolist() == [5, 4, 3]


@pytest.mark.parametrize(
    ("granularity", "said"),
    [
        (Group(7), "1, 2, 3, 4, 6, 8, 12, 24"),
        (Block(5, 8), "1, 2, 3, 4, 6, 12"),
        (Head(5), "1, 2, 3, 4, 6, 12"),
        (Group(0), "1, 2, 3"),
    ],
    ids=str,
)
def test_parts_that_do_not_divide_a_dimension_name_the_divisors(granularity, said):
    with pytest.raises(InputError, match="don't divide the dimension") as error:
        Quantizer(Int(4), granularity=granularity).quantize(W)
    assert said in str(error.value)
    assert "axis" in str(error.value)


def test_what_is_no_permutation_or_axis_is_refused():
    with pytest.raises(InputError, match="not a permutation"):
        Permuted(Tensor(), (0, 0, 1))
    with pytest.raises(InputError, match="doesn't fit"):
        Permuted(Tensor(), (1, 0)).split(W)
    with pytest.raises(InputError, match="no such axis"):
        Channel(2).split(W)


# Quantisers


@pytest.mark.parametrize(("granularity", "parts"), PARTITIONS, ids=str)
@pytest.mark.parametrize("grid", GRIDS, ids=lambda g: g.name)
def test_codes_and_scales_decode_to_the_values(grid, granularity, parts):
    quantizer = Quantizer(grid, granularity=granularity)
    encoded = quantizer.encode(W)
    assert encoded.scale.step.shape == (parts, 1)
    assert np.allclose(quantizer.decode(encoded), encoded.values, rtol=1e-12, atol=0)
    again = quantizer.quantize(encoded.values, encoded.scale)
    assert np.allclose(again, encoded.values, rtol=1e-12, atol=0)  # idempotent


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize(("granularity", "parts"), PARTITIONS, ids=str)
def test_minmax_errs_by_half_a_step_at_most(granularity, parts, bits):
    for grid in (Int(bits), Int(bits, signed=False)):
        quantizer = Quantizer(grid, granularity=granularity)
        encoded = quantizer.encode(W)
        error = granularity.split(np.abs(encoded.values - W))
        slack = 1 if grid.signed else 2  # a whole zero point moves the ends by up to half a step
        assert (error <= encoded.scale.step * slack / 2 + 1e-12).all()


def test_unsigned_integers_span_minimum_to_maximum_and_keep_zero():
    x = np.array([-1.0, 0.0, 2.0, 3.0])
    encoded = Quantizer(Int(8, signed=False)).encode(x)
    assert encoded.scale.step.item() == pytest.approx(4 / 255)
    assert encoded.scale.zero.item() == 64
    assert encoded.values[1] == 0
    positive = Quantizer(Int(4, signed=False)).encode(np.array([0.5, 1.5]))
    assert positive.scale.zero.item() == 0


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=8, max_size=8),
    st.sampled_from(GRIDS),
    st.sampled_from(sorted(RULES)),
)
@settings(max_examples=150, deadline=None)
def test_any_rule_gives_finite_values_for_any_array(values, grid, rule):
    quantizer = Quantizer(grid, RULES[rule], Channel(0))
    assert np.isfinite(quantizer.quantize(np.reshape(values, (2, 4)), inputs=np.eye(4))).all()
    assert not quantizer.quantize(np.zeros((2, 4)), inputs=np.eye(4)).any()


def test_formats_with_scales_of_their_own_take_parts_as_blocks():
    rows = Quantizer(MultiBinary(2), granularity=Channel(0))
    expected = MultiBinary(2, block=24).quantize(W)
    assert np.allclose(rows.quantize(W), expected)
    assert rows.bits_per_element(W.shape) == MultiBinary(2, block=24).bits_per_element(W.shape)
    assert np.array_equal(rows.decode(rows.encode(W)), rows.quantize(W))
    own = SharedExponent(4, block=8)
    assert np.array_equal(Quantizer(own).quantize(W), own.quantize(W).astype(np.float32))
    columns = Quantizer(SharedExponent(4), granularity=Group(8)).quantize(W)
    assert np.array_equal(columns, own.quantize(W).astype(np.float32))
    with pytest.raises(InputError, match="one set of shared values per tensor"):
        Quantizer(Codebook(4), granularity=Channel(0)).quantize(W)


@pytest.mark.parametrize(
    ("quantizer", "bits"),
    [
        (Quantizer(Int(4), granularity=Group(8)), 4 + 16 / 8),
        (Quantizer(Int(4, signed=False), granularity=Group(8)), 4 + 20 / 8),
        (Quantizer(Int(8)), 8 + 16 / 288),
        (Quantizer(SharedExponent(4, block=8)), 5),
        (Subset((0, 1, 2), Quantizer(Int(8)), Quantizer(Int(4))), 5 + 32 / 288),
    ],
)
def test_bits_include_those_of_scales(quantizer, bits):
    assert quantizer.bits_per_element(W.shape) == pytest.approx(bits)


def test_a_subset_of_outputs_has_its_own_quantiser():
    fine, coarse = Quantizer(Int(8), granularity=Channel(0)), Quantizer(Int(2))
    subset = Subset((3, 7), fine, coarse)
    q = subset.quantize(W)
    assert np.array_equal(q[[3, 7]], fine.quantize(W[[3, 7]]))
    rest = [i for i in range(12) if i not in (3, 7)]
    assert np.array_equal(q[rest], coarse.quantize(W[rest]))
    with pytest.raises(InputError, match="no such output"):
        Subset((12,), fine, coarse).quantize(W)
    with pytest.raises(InputError, match="unique"):
        Subset((1, 1), fine, coarse)


def test_what_is_not_finite_is_refused_with_its_place():
    bad = W.copy()
    bad[3, 5] = np.nan
    with pytest.raises(InputError, match=r"x\[3, 5\]"):
        Quantizer(Int(4)).quantize(bad)
    with pytest.raises(InputError, match="not finite"):
        gram(np.full((2, 2), np.inf))


@pytest.mark.parametrize("make", [lambda: Int(65), lambda: Int(0), lambda: FixedPoint(54, 0)])
def test_bits_outside_of_a_format_are_refused(make):
    with pytest.raises(InputError, match="format"):
        make()


# Scale rules


def test_rules_by_their_definitions():
    rows, grid = np.array([[1.0, -2.0, 4.0, -1.0]]), Int(4)

    def step(rule, grid=grid):
        return rule(rows, grid).step.item()

    assert step(scale_of.minmax) == pytest.approx(4 / 7)
    assert step(scale_of.mean_abs) == 2
    assert step(partial(scale_of.mean_abs, beta=4 / 3)) == pytest.approx(8 / 3)
    assert step(scale_of.rms) == pytest.approx(np.sqrt(22 / 4))
    assert step(scale_of.lsq) == pytest.approx(2 * 2 / np.sqrt(7))
    assert step(partial(scale_of.percentile, percent=100)) == pytest.approx(4 / 7)
    median = np.percentile([1, 2, 4, 1], 75)
    assert step(partial(scale_of.percentile, percent=75)) == pytest.approx(median / 7)
    assert step(power_of_two(scale_of.minmax)) == 1.0
    with pytest.raises(InputError, match="percentile"):
        step(partial(scale_of.percentile, percent=101))


@given(st.floats(1e-30, 1e30))
def test_a_power_of_two_step_is_the_next_one_up(value):
    step = power_of_two(scale_of.unit)(np.ones((1, 1)), Int(8)).step.item()
    assert step == 1
    rounded = power_of_two(partial(scale_of.mean_abs))(np.full((1, 1), value), Int(8)).step.item()
    assert value <= rounded < 2 * value
    assert np.frexp(rounded)[0] == 0.5


@given(st.floats(1e-30, 1e30), st.integers(2, 31))
def test_a_dyadic_step_is_within_its_bits(value, bits):
    m, e = scale_of.dyadic_parts(value, bits)
    assert 0 < m < 1 << bits
    assert abs(float(np.ldexp(float(m), -int(e))) / value - 1) <= 2.0**-bits
    rule = dyadic(partial(scale_of.mean_abs), bits)
    assert rule(np.full((1, 1), value), Int(8)).step.item() == np.ldexp(float(m), -int(e))


def test_dyadic_numbers_are_positive_and_of_2_to_31_bits():
    for step, bits in ((1.0, 32), (1.0, 1), (0.0, 31), (-1.0, 31)):
        with pytest.raises(InputError):
            scale_of.dyadic_parts(step, bits)


@pytest.mark.parametrize("grid", [Int(2), Int(4), Int(4, signed=False), Float(2, 1)])
def test_a_grid_search_finds_the_best_of_its_steps(grid):
    quantizer = Quantizer(grid, scale_of.mse, Channel(0))
    found = np.square(quantizer.quantize(W) - W).sum(axis=1)
    widest = scale_of.minmax(W, grid)
    for factor in scale_of.FACTORS:
        step = widest.step * factor
        q = (grid.quantize(W / step + widest.zero) - widest.zero) * step
        assert (found <= np.square(q - W).sum(axis=1) + 1e-12).all()


@pytest.mark.parametrize("grid", [Int(2), Int(3), Int(4)])
def test_a_search_on_outputs_beats_one_on_weights_on_outputs(grid):
    by_outputs = Quantizer(grid, scale_of.output_mse, Channel(0)).quantize(W, inputs=X)
    by_weights = Quantizer(grid, scale_of.mse, Channel(0)).quantize(W)
    assert output_error(by_outputs) < output_error(by_weights)
    with pytest.raises(InputError, match="calibration inputs"):
        Quantizer(grid, scale_of.output_mse).quantize(W)
    with pytest.raises(InputError, match="don't fit the weight"):
        Quantizer(grid, scale_of.output_mse).quantize(W, inputs=X[:, :5])


def test_least_squares_never_raises_the_error_of_its_start():
    for grid in (Int(2), Int(4), Ternary()):
        start = np.square(Quantizer(grid, scale_of.lsq, Channel(0)).quantize(W) - W).sum(axis=1)
        end = np.square(Quantizer(grid, scale_of.least_squares, Channel(0)).quantize(W) - W)
        assert (end.sum(axis=1) <= start + 1e-12).all()


# Roundings


@pytest.mark.parametrize("grid", GRIDS, ids=lambda g: g.name)
def test_neighbours_are_the_grid_numbers_around(grid):
    u = np.random.default_rng(2).uniform(*np.array(grid.limits) * 1.1, 2000)
    below, above = rounding_of.neighbours(u, grid)
    values = np.unique(grid.decode(grid.every_code()).astype(float))
    inside = np.clip(u, values[0], values[-1])
    assert (below <= inside).all()
    assert (above >= inside).all()
    gaps = np.diff(values).max() if len(values) > 1 else 0
    assert (above - below <= gaps).all()
    assert np.isin(below, values).all()
    assert np.isin(above, values).all()
    if not isinstance(grid, Ternary | Log):  # these have thresholds of their own
        q = grid.quantize(u)
        assert np.allclose(np.abs(q - inside), np.minimum(inside - below, above - inside))


def test_floor_goes_down_and_stochastic_is_right_in_the_mean():
    u = np.full(200_000, 1.3)
    assert (rounding_of.floor(u, Int(4)) == 1).all()
    drawn = rounding_of.stochastic(u, Int(4), seed=3)
    assert set(np.unique(drawn)) == {1, 2}
    assert drawn.mean() == pytest.approx(1.3, abs=0.005)
    assert np.array_equal(drawn, rounding_of.stochastic(u, Int(4), seed=3))
    assert not np.array_equal(drawn, rounding_of.stochastic(u, Int(4), seed=4))
    fp = rounding_of.stochastic(np.full(200_000, 1.1), Float(2, 1, specials="none"))
    assert fp.mean() == pytest.approx(1.1, abs=0.005)


def test_double_rounding_goes_over_the_stored_integer():
    u = np.array([1.49, 1.5 - 1 / 64, -2.2, 100.0])
    stored = np.clip(np.rint(u * 16), -128, 127)
    assert rounding_of.double(u, Int(4)).tolist() == np.clip(np.rint(stored / 16), -8, 7).tolist()
    with pytest.raises(InputError, match="wide integers to narrow"):
        rounding_of.double(u, Int(12))
    with pytest.raises(InputError, match="wide integers to narrow"):
        rounding_of.double(u, FP16)


@pytest.mark.parametrize("grid", [Int(2), Int(4), Float(2, 1, specials="none"), PowSum()])
def test_learned_rounding_lowers_the_output_error_and_stays_between_the_neighbours(grid):
    near = Quantizer(grid, scale_of.mse, Channel(0))
    learned = Quantizer(grid, scale_of.mse, Channel(0), rounding_of.learned)
    encoded = learned.encode(W, inputs=X)
    assert output_error(encoded.values) < 0.9 * output_error(near.quantize(W))
    below, above = rounding_of.neighbours(W / encoded.scale.step, grid)
    q = encoded.values / encoded.scale.step
    assert (np.isclose(q, below) | np.isclose(q, above)).all()
    with pytest.raises(InputError, match="calibration inputs"):
        learned.quantize(W)


def test_learned_rounding_with_independent_inputs_is_nearest():
    """With XᵀX a multiple of the identity, each weight errs for itself."""
    quantizer = Quantizer(Int(4), granularity=Channel(0), rounding=rounding_of.learned)
    q = quantizer.quantize(W, inputs=np.eye(24))
    near = Quantizer(Int(4), granularity=Channel(0)).quantize(W)
    assert np.square(q - W).sum() == pytest.approx(np.square(near - W).sum())


def test_output_error_and_its_gradient():
    outputs = Outputs(gram(X), Group(8), W.shape, step=2.0)
    d = np.random.default_rng(3).normal(size=(36, 8))
    matrix = 2 * Group(8).join(d, W.shape)
    assert outputs.cost(d).sum() == pytest.approx(np.square(matrix @ X.T).sum() / len(X))
    nudge = np.zeros_like(d)
    nudge[5, 2] = 1e-5
    slope = (outputs.cost(d + nudge).sum() - outputs.cost(d - nudge).sum()) / 2e-5
    assert outputs.gradient(d)[5, 2] == pytest.approx(slope, rel=1e-5)
