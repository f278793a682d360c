"""Formats without arithmetic of their own on a chip: what computes them, and the note."""

import pytest

import picojoule as pj
from picojoule.cost.units import carrier
from picojoule.formats import (
    BF16,
    FP32,
    INT8,
    Codebook,
    FixedPoint,
    Float,
    Int,
    LMul,
    Log,
    MultiBinary,
    PowSum,
    SharedExponent,
    Ternary,
)
from picojoule.graph import Graph, Kind, Op, Operand, Role
from picojoule.transforms.quantize import Stored

M, N, K = 4, 64, 128


def matmul(weight, activation):
    return Op(
        "fc", Kind.MATMUL, {"m": M, "n": N, "k": K},
        (
            Operand(("m", "k"), activation, Role.INPUT),
            Operand(("k", "n"), weight, Role.WEIGHT),
            Operand(("m", "n"), activation, Role.OUTPUT),
        ),
    )  # fmt: skip


def priced(weight, activation, chip="stm32l4r5"):
    ledger = pj.estimate(Graph("g", (matmul(weight, activation),)), on=chip)
    (row,) = [i for i, c in enumerate(ledger["component"]) if c == "mac"]
    return str(ledger["operand"][row]), float(ledger["energy_j"][row]), ledger.meta["notes"]


@pytest.mark.parametrize(
    ("fmt", "plain"),
    [
        (FixedPoint(12, 4), Int(12)),
        (SharedExponent(8, 32), Int(8)),
        (Ternary(), Int(2)),
        (MultiBinary(2), Int(2)),
        (PowSum(1, -14, 0), Int(16)),
        (PowSum(2, -6, 0), Int(9)),
        (Log(4), Int(16)),
        (Log(8), FP32),
        (Log(4, 19, 37), FP32),
        (LMul(BF16), BF16),
        (Codebook(16), FP32),
        (Codebook(16, entry=INT8), INT8),
        (Stored(Ternary(), 2.5), Int(2)),
        (Float(4, 3), Float(4, 3)),
    ],
    ids=lambda f: f.name,
)
def test_what_a_plain_unit_computes_a_format_in(fmt, plain):
    assert carrier(fmt) == plain


@pytest.mark.parametrize("fmt", [PowSum(1, -6, 0), PowSum(2, -5, 1), PowSum(3, -4, 0), Log(4)])
def test_carriers_of_powers_of_two_hold_every_value(fmt):
    values = fmt.decode(fmt.every_code()).astype(float)
    whole = values / abs(values[values != 0]).min()
    assert (whole == whole.round()).all()
    low, high = carrier(fmt).limits
    assert low <= whole.min()
    assert whole.max() <= high


@pytest.mark.parametrize(
    ("weight", "activation", "computed", "said"),
    [
        (Int(4), INT8, "int8", None),
        (FixedPoint(8, 4), FixedPoint(8, 4), "int8", None),
        (SharedExponent(8, 32), SharedExponent(8, 32), "int8", None),
        (Codebook(16), FP32, "float32", None),
        (Ternary(), INT8, "int8", "no add unit for ternary, computed in int8"),
        (Ternary(), FP32, "float32", "no add unit for ternary, computed in float32"),
        (MultiBinary(), MultiBinary(), "int8", "no xnor-popcount unit for binary1"),
        (PowSum(1, -6, 0), INT8, "int8", "no shift-add unit for pow2_-6to0"),
        (PowSum(1, -14, 0), INT8, "int16", "no shift-add unit for pow2_-14to0"),
        (LMul(BF16), LMul(BF16), "float32", "no integer-add unit for lmul_bfloat16"),
        (Log(4, 19, 37), INT8, "float32", "no integer-mac unit for ulog4_q19r37"),
        (Float(4, 3), Float(4, 3), "float32", "no mac unit for float8_e4m3"),
    ],
    ids=lambda x: getattr(x, "name", None),
)
def test_a_missing_unit_falls_back_to_storage_and_says_so(weight, activation, computed, said):
    used, energy_j, notes = priced(weight, activation)
    assert used == computed
    assert energy_j > 0
    assert (not notes) if said is None else any(n.startswith(said) for n in notes)
    assert not any("not priced" in n for n in notes)


def test_binary_planes_are_passes_in_integers_and_none_in_floats():
    once, twice = (priced(MultiBinary(k), INT8)[1] for k in (1, 2))
    assert twice == pytest.approx(2 * once)
    assert priced(MultiBinary(2), MultiBinary(3))[1] == pytest.approx(6 * once)
    assert priced(MultiBinary(2), FP32)[1] == pytest.approx(priced(FP32, FP32)[1])


def test_storage_saves_in_the_same_arithmetic():
    def read_j(weight):
        ledger = pj.estimate(Graph("g", (matmul(weight, INT8),)), on="stm32l4r5")
        reads = (ledger["component"] == "read") & (ledger["operand"] == "weight")
        return float(ledger["energy_j"][reads].sum())

    assert read_j(Ternary()) == pytest.approx(read_j(INT8) / 4)
    assert priced(Ternary(), INT8)[1] == pytest.approx(priced(INT8, INT8)[1])
