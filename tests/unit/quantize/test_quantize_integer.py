"""Integer-only arithmetic against floats, and networks that run in it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from picojoule.errors import InputError
from picojoule.formats import Int
from picojoule.transforms.quantize import integer, to_integers
from picojoule.transforms.quantize.scale import dyadic_parts


@given(st.integers(0, 2**62))
def test_the_integer_root_is_exact(n):
    assert integer.isqrt(np.array([n])).item() == math.isqrt(n)


def test_the_integer_root_of_many_at_once_near_squares():
    roots = np.random.default_rng(0).integers(0, 2**31, 5000)
    n = np.concatenate([roots**2 - (roots > 0), roots**2, roots**2 + 2 * roots, np.arange(5000)])
    assert integer.isqrt(n).tolist() == [math.isqrt(v) for v in n.tolist()]


@given(st.integers(-(2**31) + 1, 2**31 - 1), st.floats(1e-9, 1e3))
def test_rescaling_is_the_rounded_product(z, scale):
    m, e = dyadic_parts(scale)
    exact = z * int(m) * (1 << max(-int(e), 0))
    half = 1 << max(int(e) - 1, 0) if e > 0 else 0
    expected = exact + half >> max(int(e), 0)
    assert integer.rescale(np.array([z]), m, e).item() == expected
    assert abs(expected - z * scale) <= 0.5 + abs(z * scale) * 2.0**-31 + 1e-6


def test_rescaling_by_very_little_is_zero_and_overflow_is_refused():
    m, e = dyadic_parts(1e-12)
    assert integer.rescale(np.array([2**31 - 1, -5]), m, e).tolist() == [0, 0]
    with pytest.raises(InputError, match="exceeds 64 bits"):
        integer.rescale(np.array([2**40]), 2**30, 31)


def test_the_exponential_by_shifts():
    """1 + r/2 is up to 6.15 % above 2^r; 1.4375 for log2 e loses 0.36 % per unit; shifts of the
    code lose less than two of its units."""
    for step in (0.01, 0.05, 0.1):
        x = np.arange(0, -int(8 / step), -1)
        found = integer.shift_exp(x, step, 15) * step / 2**15
        exact = np.exp(x * step)
        most = 1.0615 * np.exp(0.0037 * -x * step + 2 * step)
        assert (found <= exact * most).all()
        assert (found >= exact * np.exp(-2 * step) - step / 2**15).all()
        assert (np.diff(found) <= 0).all()


def test_normalised_rows_have_mean_zero_and_variance_one():
    rng = np.random.default_rng(0)
    x = rng.integers(-128, 128, (50, 96))
    found = integer.norm(x) * math.sqrt(96) / 2**30
    exact = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
    # The mean is rounded to a whole code.
    assert np.abs(found - exact).max() <= 0.5 / x.std(axis=1).min() * 1.1
    assert not integer.norm(np.full((1, 8), 7)).any()


@pytest.mark.parametrize("spread", [1.0, 2.2])
def test_shiftmax_rows_add_up_to_about_one(spread):
    x = np.rint(np.random.default_rng(1).normal(size=(50, 64)) * spread / 0.05).astype(np.int64)
    p = integer.shiftmax(x, 0.05, bits=16) / 2.0**15
    assert np.abs(p.sum(axis=1) - 1).max() < 64 / 2**15
    assert (p >= 0).all()


torch = pytest.importorskip("torch")
nn = torch.nn


@pytest.fixture(scope="module")
def mlp():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 96), nn.LayerNorm(96), nn.GELU(), nn.Dropout(0.5),
        nn.Linear(96, 32), nn.ReLU(), nn.Linear(32, 10), nn.Identity(), nn.Softmax(-1),
    ).eval()  # fmt: skip
    with torch.no_grad():
        model[7].weight *= 4
        model[2].weight.uniform_(-1, 1)
        model[2].bias.normal_()
    return model, torch.randn(400, 8, 8)


def test_a_network_in_integers_is_close_to_its_floats(mlp):
    """Shiftmax and ShiftGELU leave about 0.02 that no number of bits removes."""
    model, x = mlp
    exact = model(x).detach().numpy()
    worst, mean = {}, {}
    for bits in (6, 8, 10):
        difference = np.abs(to_integers(model, [x], Int(bits))(x.numpy()) - exact)
        worst[bits], mean[bits] = difference.max(), difference.mean()
    assert worst[8] < 0.06
    assert worst[10] < 0.03
    assert mean[6] > 2 * mean[8] > 3 * mean[10]


def test_no_step_of_a_network_makes_a_float(mlp):
    model, x = mlp
    network = to_integers(model, [x])
    codes = network.format.encode(x.numpy() / network.entry).values.astype(np.int64)
    for _, step in network.steps:
        codes = step(codes)
        assert codes.dtype == np.int64
        assert np.abs(codes).max() <= 128


def test_layers_without_an_integer_form_are_named():
    model = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
    with pytest.raises(InputError, match="no integer form") as error:
        to_integers(model, [torch.zeros(2, 4)])
    assert "1" in error.value.where
    assert error.value.got == "Tanh"
    with pytest.raises(InputError, match="Sequential"):
        to_integers(nn.Linear(2, 2), [])


def test_bad_calibration_and_wide_sums_name_the_layer(mlp):
    model, x = mlp
    with pytest.raises(InputError, match="no calibration data"):
        to_integers(model, [])
    with pytest.raises(InputError, match="the input: calibration data are not finite"):
        to_integers(model, [x * float("nan")])
    with pytest.raises(InputError, match="1: a sum can exceed 32 bits"):
        to_integers(model, [x], Int(16))
    with pytest.raises(InputError, match="signed"):
        to_integers(model, [x], Int(8, signed=False))
