"""Formats: the values they have, and what encoding does to numbers."""

from __future__ import annotations

import itertools
import math

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from picojoule.errors import InputError
from picojoule.formats import (
    BF16,
    FP16,
    FP32,
    INT8,
    Codebook,
    Codes,
    FixedGrid,
    FixedPoint,
    Float,
    Int,
    LMul,
    Log,
    MultiBinary,
    OpClass,
    PowSum,
    SharedExponent,
    Ternary,
    operations,
    parse_format,
)
from picojoule.formats.arrays import CHUNK
from picojoule.formats.codebook import huffman_lengths

E4M3FN = Float(4, 3, specials="nan")
SMALL = [
    INT8,
    Int(4),
    Int(4, narrow=True),
    Int(8, signed=False),
    Int(1, signed=False),
    Int(16),
    FixedPoint(8, 4),
    FixedPoint(6, -2),
    FixedPoint(8, 3, signed=False),
    Float(4, 3),
    E4M3FN,
    Float(5, 2),
    Float(3, 4),
    Float(2, 5, specials="none"),
    Float(2, 1, specials="none"),
    Float(1, 3),
    Float(4, 3, bias=9.3),
    Float(4, 3, bias=-40.5, specials="none"),
    Float(8, 3, bias=100),
    BF16,
    FP16,
    Log(4),
    Log(4, q=19, r=37),
    Log(6, q=10, r=37, signed=True),
    Log(8, q=2),
    PowSum(),
    PowSum(2, -3, 1),
    PowSum(3, -3, 0),
    Ternary(),
    Ternary(0.7, bits=1.6),
    LMul(E4M3FN),
]
SHARED = [
    SharedExponent(4, block=4),
    SharedExponent(8, block=None),
    SharedExponent(6, block=6, exponent=4),
    MultiBinary(block=4),
    MultiBinary(2),
    MultiBinary(2, alphabet="bits"),
    Codebook(5),
]
BLOCKS = arrays(np.float32, (4, 12), elements=st.floats(-1e4, 1e4, width=32))


def named(fmt) -> str:
    return f"{fmt.name}-{abs(hash(fmt)) % 97}"


fixed = pytest.mark.parametrize("fmt", SMALL, ids=named)


def values_of(fmt) -> np.ndarray:
    return np.unique(fmt.decode(fmt.every_code()))


def floats_in(fmt, width=32):
    """Numbers in and around the range of `fmt`."""
    low, high = fmt.limits
    bound = float(np.float32(min(max(-low, high) * 1.5, 3e38)))
    return arrays(np.dtype(f"f{width // 8}"), 32, elements=st.floats(-bound, bound, width=width))


# Fixed grids


@fixed
def test_every_code_survives_decode_and_encode(fmt):
    codes = fmt.every_code()
    again = fmt.encode(fmt.decode(codes))
    assert np.array_equal(fmt.decode(again), fmt.decode(codes))
    if not isinstance(fmt, PowSum):  # which has several codes for a value
        assert np.array_equal(again.values, codes.values) or isinstance(fmt, Log)
    assert again.values.dtype == codes.values.dtype


@fixed
def test_limits_are_the_extreme_values(fmt):
    assert isinstance(fmt, FixedGrid)
    values = values_of(fmt)
    assert fmt.limits == pytest.approx((values[0], values[-1]), rel=1e-6)


@fixed
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_quantising_is_decode_of_encode_idempotent_monotone_and_saturating(fmt, data):
    x = np.sort(data.draw(floats_in(fmt)))
    q = fmt.quantize(x)
    assert np.array_equal(q, fmt.decode(fmt.encode(x)))
    assert np.array_equal(fmt.quantize(q), q)
    assert (np.diff(q) >= 0).all()
    assert (q >= q.dtype.type(fmt.limits[0])).all()
    assert (q <= q.dtype.type(fmt.limits[1])).all()


@pytest.mark.parametrize("fmt", [f for f in SMALL if not isinstance(f, Log | Ternary)], ids=named)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_no_value_is_nearer_than_the_quantised_one(fmt, data):
    x = data.draw(floats_in(fmt, width=64))
    values = values_of(fmt).astype(np.float64)
    best = np.abs(x[:, None] - values).min(axis=1)
    error = np.abs(fmt.quantize(x) - x)
    scale = np.abs(x) + np.abs(values).max() * 1e-7
    assert (error <= best + 1e-7 * scale).all()


@pytest.mark.parametrize("fmt", [f for f in SMALL if f.limits[0] == -f.limits[1]], ids=named)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_symmetric_formats_treat_signs_alike(fmt, data):
    x = data.draw(floats_in(fmt))
    assert np.array_equal(fmt.quantize(-x), -fmt.quantize(x))


@given(st.integers(1, 64), st.booleans(), st.floats(-1e30, 1e30))
def test_integers_of_any_width(bits, signed, x):
    fmt = Int(bits, signed)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    code = int(fmt.encode(x).values)
    assert low <= code <= high
    if low <= x <= high:
        assert abs(code - x) <= 0.5 or abs(x) > 2**52


@given(st.integers(2, 7), st.integers(1, 10), st.floats(1.0, 2.0, width=32), st.integers(-3, 2))
def test_floats_err_by_at_most_half_a_unit_in_the_last_place(exponent, mantissa, x, power):
    fmt = Float(exponent, mantissa, bias=float(2 ** (exponent - 1)))
    value = np.float32(x * 2.0**power)
    lowest = 2.0 ** (1 - 2 ** (exponent - 1))
    if lowest <= value <= fmt.limits[1]:
        assert abs(fmt.quantize(value) - value) <= value * 2.0 ** -(mantissa + 1)


@given(st.floats(-8, 7.9375))
def test_fixed_point_errs_by_at_most_half_a_step(x):
    assert abs(FixedPoint(8, 4).quantize(x) - x) <= 2.0**-5


@given(st.integers(-10_000, 10_000))
def test_fixed_point_wraps_as_an_adder_does(n):
    wrapped = FixedPoint(8, 4, overflow="wrap").encode(n / 16).values
    assert int(wrapped) == np.array(n).astype(np.int8)


def test_ties_go_to_even():
    x = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])
    assert INT8.quantize(x).tolist() == [-2, -2, 0, 0, 2, 2]
    assert Float(4, 3).quantize(np.array([1.0625, 1.1875, 1.3125])).tolist() == [1, 1.25, 1.25]


def test_logarithms_round_in_the_exponent():
    x = np.array([4.0, 1.0, 0.7, 0.35, 0.001, 0.0, -1.0])
    assert Log(2).quantize(x).tolist() == [1, 1, 0.5, 0.25, 0, 0, 0]
    assert Log(3, signed=True).quantize(-x).tolist() == [-1, -1, -0.5, -0.25, 0, 0, 1]
    ratio = Log(8, q=19, r=37).quantize(x[1:4]) / x[1:4]
    assert (np.abs(np.log2(ratio)) <= 19 / 37 / 2 + 1e-6).all()


def test_terms_of_a_power_sum_are_what_decodes():
    fmt = PowSum(2, -2, 0)
    assert values_of(fmt)[-7:].tolist() == [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2]
    assert fmt.bits_per_element() == 6
    assert PowSum(1, -14, 0).bits_per_element() == 5
    assert fmt.encode(0.5).values == 2  # one term where one is enough
    with pytest.raises(InputError, match="too many codes"):
        PowSum(4, -14, 0).every_code()


def test_many_values_and_odd_layouts():
    x = np.random.default_rng(0).normal(size=(192, 1024)).astype(np.float32) * 100
    for fmt in (INT8, Float(4, 3), BF16, SharedExponent(8, block=64), SharedExponent(8, None)):
        assert np.array_equal(fmt.quantize(x), fmt.decode(fmt.encode(x)))
        assert np.array_equal(fmt.quantize(x.T), fmt.decode(fmt.encode(x.T)))
        assert fmt.quantize(x.T).shape == x.T.shape


@pytest.mark.parametrize("fmt", [*SMALL, *SHARED], ids=named)
def test_shapes_and_types(fmt):
    empty = fmt.quantize(np.zeros((0, 12)))
    assert empty.shape == (0, 12)
    for dtype in (np.float16, np.float32, ml_dtypes.bfloat16, np.int8, bool):
        assert (
            fmt.quantize(np.ones((2, 12), dtype)).dtype == fmt.decode(fmt.encode([1.0] * 12)).dtype
        )
    if isinstance(fmt, FixedGrid):
        assert fmt.quantize(np.float64(0.3)).dtype == np.float64
        assert fmt.quantize(0.3).shape == ()


# Against other implementations


def samples(dtype) -> np.ndarray:
    """Every value of `dtype`, the midpoints, their neighbours, and random numbers."""
    info = ml_dtypes.finfo(dtype)
    width = info.bits
    unsigned = np.uint16 if width == 16 else np.uint8
    every = np.arange(1 << width).astype(unsigned).view(dtype).astype(np.float32)
    every = np.unique(every[np.isfinite(every)])
    middle = (every[1:] / 2 + every[:-1] / 2)[1:-1]
    normal = np.random.default_rng(1).normal(size=20_000).astype(np.float32)
    x = np.concatenate([every, middle, np.nextafter(middle, np.float32(9)), normal])
    return x[np.abs(x) <= float(info.max)].astype(np.float32)


ML_FLOATS = {
    "float8_e4m3fn": E4M3FN,
    "float8_e4m3": Float(4, 3),
    "float8_e5m2": Float(5, 2),
    "float8_e3m4": Float(3, 4),
    "float8_e4m3fnuz": Float(4, 3, 8, "none"),
    "float8_e5m2fnuz": Float(5, 2, 16, "none"),
    "float8_e4m3b11fnuz": Float(4, 3, 11, "none"),
    "float6_e2m3fn": Float(2, 3, specials="none"),
    "float6_e3m2fn": Float(3, 2, specials="none"),
    "float4_e2m1fn": Float(2, 1, specials="none"),
    "bfloat16": BF16,
    "float16": FP16,
}


@pytest.mark.parametrize(("name", "fmt"), ML_FLOATS.items())
def test_floats_equal_ml_dtypes(name, fmt):
    dtype = np.dtype(getattr(ml_dtypes, name, name))
    assert parse_format(name) == fmt
    assert fmt.limits[1] == float(ml_dtypes.finfo(dtype).max)
    for x in (samples(dtype), samples(dtype).astype(np.float64)):
        expected = x.astype(dtype)
        assert np.array_equal(fmt.quantize(x), expected.astype(x.dtype))
        if not name.endswith("fnuz"):  # which has no -0
            codes = expected.view(np.uint16 if dtype.itemsize == 2 else np.uint8)
            assert np.array_equal(fmt.encode(x).values, codes)


@pytest.mark.parametrize(("name", "fmt"), ML_FLOATS.items())
def test_codes_decode_as_in_ml_dtypes(name, fmt):
    dtype = np.dtype(getattr(ml_dtypes, name, name))
    codes = np.arange(1 << int(fmt.bits_per_element()))
    codes = codes.astype(np.uint16 if dtype.itemsize == 2 else np.uint8)
    if name.endswith("fnuz"):
        codes = codes[codes != 0x80]
    expected = codes.view(dtype).astype(np.float32)
    assert np.array_equal(fmt.decode(Codes(codes)), expected, equal_nan=True)


@pytest.mark.parametrize("name", ["int2", "int4", "uint2", "uint4"])
def test_integers_equal_ml_dtypes(name):
    info = ml_dtypes.iinfo(getattr(ml_dtypes, name))
    fmt = parse_format(name)
    assert fmt.limits == (info.min, info.max)
    inside = np.arange(info.min, info.max + 1)
    again = fmt.quantize(inside).astype(getattr(ml_dtypes, name)).astype(int)
    assert np.array_equal(again, inside)


GFLOAT = {
    "ocp_e4m3": E4M3FN,
    "ocp_e5m2": Float(5, 2),
    "ocp_e3m2": Float(3, 2, specials="none"),
    "ocp_e2m3": Float(2, 3, specials="none"),
    "ocp_e2m1": Float(2, 1, specials="none"),
    "ocp_int8": FixedPoint(8, 6),
    "bfloat16": BF16,
    "binary16": FP16,
    "binary32": FP32,
}


@pytest.mark.parametrize(("name", "fmt"), GFLOAT.items())
def test_rounding_and_saturation_equal_gfloat(name, fmt):
    gfloat = pytest.importorskip("gfloat", reason="gfloat is not installed: pip install gfloat")
    from gfloat import formats

    info = getattr(formats, f"format_info_{name}")
    rng = np.random.default_rng(2)
    x = rng.normal(size=5000) * np.exp2(rng.uniform(-20, 20, 5000))
    expected = gfloat.round_ndarray(info, x, sat=True)
    assert np.array_equal(fmt.quantize(x), expected)
    if info.bits <= 8:
        every = fmt.every_code()
        patterns = every.values.view(np.uint8).astype(np.int64) & ((1 << info.bits) - 1)
        decoded = [gfloat.decode_float(info, int(c)).fval for c in patterns]
        assert np.array_equal(fmt.decode(every), decoded)


def test_shared_exponents_equal_gfloat():
    gfloat = pytest.importorskip("gfloat", reason="gfloat is not installed: pip install gfloat")
    from gfloat import formats

    x = np.random.default_rng(3).normal(size=(50, 32))
    # Without what saturates: gfloat's int8 has -128, ours is symmetric.
    x = np.clip(
        x, *(s * 0.99 * 2.0 ** np.ceil(np.log2(np.abs(x).max(1, keepdims=True))) for s in (-1, 1))
    )
    for row in x:
        expected = gfloat.quantize_block(formats.format_info_mxint8, row, gfloat.compute_scale_amax)
        assert np.array_equal(SharedExponent(8, block=32).quantize(row), expected)


# Shared parts


@settings(max_examples=50, deadline=None)
@given(
    BLOCKS,
    st.sampled_from([1, 2, 3, 4, 6, 12, None]),
    st.integers(2, 22),
    st.sampled_from([2, 4, 8, 10]),
)
def test_a_shared_exponent_errs_by_half_a_step_of_its_block(x, block, mantissa, exponent):
    fmt = SharedExponent(mantissa, block, exponent)
    codes, q = fmt.encode(x), fmt.quantize(x)
    assert np.array_equal(q, fmt.decode(codes))
    assert np.array_equal(fmt.quantize(-x), -q)
    assert np.array_equal(fmt.quantize(q), q)
    blocks = x.reshape(-1, block or x.size)
    step = np.ldexp(1.0, codes.shared[0].reshape(-1, 1).astype(int))
    largest = (2 ** (mantissa - 1) - 1) * step
    inside = np.abs(blocks) <= largest
    error = np.abs(q.reshape(blocks.shape).astype(np.float64) - blocks)
    assert (error[inside] <= np.broadcast_to(step / 2, blocks.shape)[inside]).all()
    saturated = np.abs(q.reshape(blocks.shape)) == largest
    assert saturated[~inside].all()


@pytest.mark.parametrize("magnitude", [1e-45, 1e-38, 3e38])
def test_a_shared_exponent_at_the_ends_of_float32(magnitude):
    x = np.array([1, -0.7, 0.3, 0.01], np.float32) * np.float32(magnitude)
    for fmt in (SharedExponent(8, 4), SharedExponent(4, None), SharedExponent(22, 2)):
        assert np.array_equal(fmt.quantize(x), fmt.decode(fmt.encode(x)))


def test_blocks_lie_along_the_axis_asked_for():
    x = np.random.default_rng(0).normal(size=(8, 3, 5)).astype(np.float32)
    for make in (SharedExponent, MultiBinary):
        across = make(4, block=4, axis=0) if make is SharedExponent else make(2, 4, 0)
        along = make(4, block=4) if make is SharedExponent else make(2, 4)
        expected = np.moveaxis(along.quantize(np.moveaxis(x, 0, -1).copy()), -1, 0)
        assert np.array_equal(across.quantize(x), expected)
        assert across.encode(x).values.shape == x.shape


def test_codes_of_signs_are_their_dot_product():
    """b_q · b_k = b - 2 · Hamming distance (EcoFormer)."""
    x, y = np.random.default_rng(0).normal(size=(2, 64))
    bits = [MultiBinary().encode(v).values for v in (x, y)]
    assert np.sign(x) @ np.sign(y) == 64 - 2 * np.count_nonzero(bits[0] ^ bits[1])


def test_a_binary_code_keeps_the_mean_magnitude():
    x = np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)
    fmt = MultiBinary(block=8)
    q = fmt.quantize(x)
    assert np.allclose(np.abs(q), np.abs(x).mean(axis=1, keepdims=True))
    assert np.allclose(fmt.quantize(q), q)
    assert fmt.bits_per_element((3, 8)) == 1 + 32 / 8


@settings(max_examples=50, deadline=None)
@given(BLOCKS, st.integers(1, 9))
def test_a_codebook_is_exact_for_few_values_and_never_far_off(x, size):
    fmt = Codebook(size)
    q = fmt.quantize(x)
    assert np.unique(q).size <= size
    assert np.array_equal(fmt.quantize(q), q)
    assert np.array_equal(
        np.argsort(q.ravel()[np.argsort(x, axis=None)], kind="stable"), np.arange(x.size)
    )
    spread = np.ptp(x.astype(np.float64))
    assert np.abs(q - x.astype(np.float64)).max() <= spread + 1e-3


def test_codebook_bits_follow_the_frequencies():
    x = np.repeat([0.0, 1.0, -1.0], [90, 5, 5])
    fmt = Codebook(3, "huffman")
    seen = fmt.seen(fmt.encode(x))
    assert seen.bits_per_element() == pytest.approx(1.1)
    assert seen.bits_per_element((100,)) == pytest.approx(1.1 + 96 / 100)
    assert fmt.bits_per_element() == pytest.approx(5 / 3)
    assert Codebook(3).bits_per_element() == 2
    assert Codebook(1, "entropy").bits_per_element() == 0
    assert hash(seen) != hash(fmt)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=12).filter(any))
def test_huffman_codes_are_prefix_codes_within_a_bit_of_the_entropy(counts):
    lengths = huffman_lengths(counts)
    used = [length for length in lengths if length]
    assert sum(2.0**-length for length in used) == (1 if len(used) > 1 else 0.5)
    p = np.array(counts) / sum(counts)
    entropy = -sum(f * math.log2(f) for f in p if f)
    assert entropy - 1e-9 <= p @ lengths < entropy + 1 + 1e-9


# What hardware does


def test_op_classes():
    pairs = {
        (FP32, INT8): OpClass.FLOAT_MAC,
        (INT8, Int(4)): OpClass.INTEGER_MAC,
        (FixedPoint(8, 4), SharedExponent(8)): OpClass.INTEGER_MAC,
        (SharedExponent(4), BF16): OpClass.FLOAT_MAC,
        (PowSum(2), INT8): OpClass.SHIFT_ADD,
        (PowSum(), FP16): OpClass.INTEGER_ADD,
        (Log(4), INT8): OpClass.SHIFT_ADD,
        (Log(4, 19, 37), INT8): OpClass.INTEGER_MAC,
        (Ternary(), INT8): OpClass.ADD,
        (MultiBinary(2), FP16): OpClass.ADD,
        (MultiBinary(2), MultiBinary()): OpClass.XNOR_POPCOUNT,
        (LMul(), LMul()): OpClass.INTEGER_ADD,
        (LMul(), BF16): OpClass.FLOAT_MAC,
        (Codebook(16), INT8): OpClass.FLOAT_MAC,
        (Codebook(16, entry=INT8), INT8): OpClass.INTEGER_MAC,
    }
    for (a, b), expected in pairs.items():
        assert a.op_class(b) == b.op_class(a) == expected
    for a, b in itertools.product([*SMALL, *SHARED], repeat=2):
        assert a.op_class(b) == b.op_class(a)
    assert operations(PowSum(2), INT8) == operations(MultiBinary(2), MultiBinary()) == 2


@pytest.mark.parametrize("fmt", [*SMALL, *SHARED], ids=named)
def test_formats_are_values(fmt):
    assert len({fmt, eval(repr(fmt))}) == 1  # noqa: S307
    if isinstance(fmt, Float):
        assert parse_format(fmt.name) == fmt


def test_one_bias_has_one_spelling():
    assert Float(4, 3, bias=7) == Float(4, 3) != E4M3FN
    assert (E4M3FN.name, Float(4, 3).name, FP32.name) == ("float8_e4m3fn", "float8_e4m3", "float32")
    assert Float(2, 1, specials="none").name == "float4_e2m1fn"
    assert parse_format("float8_e8m0fnu").bits_per_element() == 8


@given(st.floats(0.5, 1.5), st.floats(1, 30))
def test_a_real_bias_is_a_scale(fraction, x):
    scaled = Float(4, 3, bias=7 + fraction)
    scale = 2.0**-fraction
    assert scaled.quantize(x) == pytest.approx(Float(4, 3).quantize(x / scale) * scale, rel=1e-6)


def test_bits_per_element():
    assert SharedExponent(4, 32).bits_per_element((2, 64)) == 4.25
    assert SharedExponent(16, None).bits_per_element((10, 10)) == 16.08
    assert SharedExponent(16, None).bits_per_element() == 16
    assert MultiBinary(2).bits_per_element() == 2
    assert Ternary(bits=1.6).bits_per_element((5,)) == 1.6
    assert LMul().bits_per_element() == 16


def test_lmul_adds_bit_patterns():
    fmt = LMul(BF16)
    assert fmt.multiply(1.0, [2.0, -4.0, 0.0]).tolist() == [2.125, -4.25, 0]
    assert fmt.multiply(1.5, 1.5) == 2.125  # a carry into the exponent: 2 (1 + 1/16), for 2.25
    assert fmt.multiply(-3e38, 3e38) == -BF16.limits[1]
    assert fmt.multiply(1e-30, 1e-30) == 0


# Refusals


@pytest.mark.parametrize("fmt", [*SMALL, *SHARED], ids=named)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("call", ["encode", "quantize"])
def test_a_value_that_is_not_finite_is_named(fmt, bad, call):
    x = np.zeros((3, 12), np.float32)
    x[1, 7] = x[2, 0] = bad
    with pytest.raises(InputError, match=r"x\[1, 7\]: a value to encode is not finite\n  got "):
        getattr(fmt, call)(x)


def test_the_index_is_of_the_array_that_was_given():
    x = np.zeros((8, 3), np.float32)
    x[5, 1] = np.nan
    with pytest.raises(InputError, match=r"x\[5, 1\]"):
        SharedExponent(4, block=4, axis=0).quantize(x)
    x = np.zeros(CHUNK + 9, np.float32)
    x[CHUNK + 2] = np.inf
    for fmt in (INT8, SharedExponent(8, None)):
        with pytest.raises(InputError, match=rf"x\[{CHUNK + 2}\]"):
            fmt.quantize(x)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Int(0),
        lambda: Int(65),
        lambda: Int(8, signed=False, narrow=True),
        lambda: FixedPoint(54, 0),
        lambda: FixedPoint(8, 4, overflow="explode"),
        lambda: Float(0, 3),
        lambda: Float(4, 3, specials="some"),
        lambda: Float(4, 3, bias=math.nan),
        lambda: SharedExponent(1),
        lambda: SharedExponent(4, block=0),
        lambda: Log(1),
        lambda: Log(4, q=0),
        lambda: Log(16),
        lambda: PowSum(5),
        lambda: PowSum(1, 2, 1),
        lambda: MultiBinary(0),
        lambda: MultiBinary(1, alphabet="bits"),
        lambda: MultiBinary(1, alphabet="runes"),
        lambda: Ternary(-1),
        lambda: Ternary(bits=1.5),
        lambda: Codebook(0),
        lambda: Codebook(4, "morse"),
        lambda: Codebook(4, frequencies=(1.0,)),
        lambda: LMul(Float(4, 3, bias=7.5)),
        lambda: Float(15, 112).encode(1.0),
        lambda: INT8.encode(["a"]),
        lambda: INT8.encode([1j]),
        lambda: Int(32).every_code(),
        lambda: parse_format("float8_e4m3xyz"),
    ],
)
def test_impossible_formats_are_refused(make):
    with pytest.raises(InputError, match="\n  "):
        make()


@pytest.mark.parametrize("fmt", [SharedExponent(4, 32), MultiBinary(2, 32)])
def test_blocks_that_do_not_divide_say_what_would(fmt):
    message = (
        r"axis -1 of shape \(2, 40\): blocks don't divide the dimension\n"
        r"  got 40 elements in blocks of 32, expected a multiple of 32\n  fix: pad to 64"
    )
    for call in (fmt.encode, fmt.quantize, lambda x: fmt.bits_per_element(x.shape)):
        with pytest.raises(InputError, match=message):
            call(np.zeros((2, 40)))
    with pytest.raises(InputError, match="no such axis"):
        fmt.encode(1.0)
