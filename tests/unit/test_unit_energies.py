"""Unit energies: published cells, ranges, scaling, and the distance to physics."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picojoule.chips.limits import fluxon_j, landauer, landauer_line, sfq
from picojoule.chips.unit_energies import (
    dram_j_per_bit,
    operation_j,
    scale,
    scaling_exponents,
    sram_j_per_bit,
    unit_energies,
)
from picojoule.errors import InputError
from picojoule.quantity import Evidence

DATA = Path(os.environ.get("PICOJOULE_DATA", Path(__file__).parents[3] / "shared/data"))


def test_every_row_is_sound():
    assert len(unit_energies()) > 60
    for u in unit_energies():
        low, high = u.low or u.pj, u.high or u.pj
        assert 0 < low <= u.pj <= high
        assert len(u.source) > 8
        assert Evidence.of(u.evidence) is not Evidence.MEASURED
        assert u.what not in ("synaptic operation", "neuron update") or u.definition


def test_45_nm_agrees_with_the_published_table():
    table = DATA / "energy_per_op/horowitz_45nm.csv"
    if not table.exists():
        pytest.skip("the public measurements 'energy_per_op' are not here")
    names = {"mul": "multiply", "fp16": "float16", "fp32": "float32"}
    for row in csv.DictReader(table.read_text().splitlines()):
        if row["op"] in ("add", "mul"):
            kind = names.get(row["dtype"], row["dtype"])
            ours = operation_j(names.get(row["op"], "add"), kind, 45).value
            assert ours == pytest.approx(1e-12 * float(row["energy_pj"]))
        elif row["dtype"] == "sram":
            ours = sram_j_per_bit(float(row["size_bytes"]))
            assert ours.value * 64 == pytest.approx(1e-12 * float(row["energy_pj"]), rel=1e-5)


def test_dram_is_a_range():
    values = [u.pj for u in unit_energies() if u.what == "dram"]
    assert min(values) == pytest.approx(3.5875)
    assert max(values) == pytest.approx(20.3125)
    whole, hbm = dram_j_per_bit(), dram_j_per_bit("HBM")
    assert whole.low < hbm.low * 1.001 < hbm.high < whole.high
    assert hbm.high == pytest.approx(7.03e-12)


def test_one_chip_differs_by_what_its_sources_mean():
    for chip, spread in (("TrueNorth", 11), ("SpiNNaker2", 45), ("SpiNNaker", 295)):
        found = operation_j("synaptic operation", chip)
        assert found.high / found.low == pytest.approx(spread, rel=0.03)


def test_the_slope_of_the_truenorth_sweep():
    rates, watts = (11.58, 20.07, 95.93), (0.068, 0.071, 0.094)
    events = [r * 128 * 2**20 for r in rates]
    n, mean_e, mean_w = 3, sum(events) / 3, sum(watts) / 3
    slope = sum((e - mean_e) * (w - mean_w) for e, w in zip(events, watts, strict=True)) / sum(
        (e - mean_e) ** 2 for e in events
    )
    assert n * slope == pytest.approx(3 * 2.3e-12, rel=0.01)
    assert mean_w - slope * mean_e == pytest.approx(0.0644, rel=0.01)


def test_scaling_brackets_what_it_comes_from():
    mean, low, high = scaling_exponents()
    assert 0.3 < low < mean < high < 0.8
    for u in unit_energies():
        if u.node_nm == 45 and u.what in ("add", "multiply"):
            try:
                published = operation_j(u.what, u.kind, 7).value
            except InputError:
                continue
            ours = scale(u.pj, 45, 7)
            assert ours.low * 0.999 <= published <= ours.high * 1.001
            assert ours.evidence is Evidence.MODELLED


@given(st.floats(1e-3, 1e3), st.floats(2, 180), st.floats(2, 180))
def test_scaling_there_and_back(energy_pj, a, b):
    there = scale(energy_pj, a, b)
    assert there.low <= there.value <= there.high
    assert scale(1e12 * there.value, b, a).value == pytest.approx(1e-12 * energy_pj)
    assert (there.value <= 1e-12 * energy_pj * 1.0000001) == (b <= a * 1.0000001)


def test_outside_of_the_observed_nodes_it_is_an_assumption():
    assert scale(1, 45, 3).evidence is Evidence.ASSUMED


@pytest.mark.parametrize("args", [(0, 45, 7), (-1, 45, 7), (float("nan"), 45, 7), (1, 0, 7),
                                  (1, 45, 1), (1, 500, 7), (1, 45, float("nan"))])  # fmt: skip
def test_impossible_scaling_is_refused(args):
    with pytest.raises(InputError):
        scale(*args)


def test_unknown_units_are_refused_with_what_is_known():
    with pytest.raises(InputError, match="no energy of add float33") as error:
        operation_j("add", "float33")
    assert "add float32" in str(error.value)
    with pytest.raises(InputError) as error:
        operation_j("add", "float32", 28)
    assert "45 nm" in str(error.value)
    with pytest.raises(InputError):
        dram_j_per_bit("HBM9")
    for size, node in ((1, 45), (1e9, 45), (8192, 28)):
        with pytest.raises(InputError):
            sram_j_per_bit(size, node)


@given(st.floats(8192, 2**20), st.floats(8192, 2**20))
def test_larger_srams_cost_more(a, b):
    low, high = sorted((a, b))
    assert sram_j_per_bit(low).value <= sram_j_per_bit(high).value * (1 + 1e-12)


def test_landauer():
    assert landauer(1) == pytest.approx(2.871e-21, rel=2e-4)
    assert landauer(10, 600) == pytest.approx(20 * landauer(1))
    assert landauer_line(4.6e-12, 32).startswith("4.60 pJ is 5.01e+07 times the Landauer limit")
    for args in ((-1,), (float("nan"),), (1, 0), (1, -3), (1, float("inf"))):
        with pytest.raises(InputError):
            landauer(*args)
    with pytest.raises(InputError):
        landauer_line(1.0, 0)


def test_a_fluxon_and_its_refrigerator():
    assert fluxon_j() == pytest.approx(2.07e-19, rel=2e-3)
    plug = sfq(1e6)
    assert plug.value == pytest.approx(401e6 * fluxon_j())
    assert (plug.low, plug.high) == pytest.approx((301e6 * fluxon_j(), 1001e6 * fluxon_j()))
    for bad in ({"switches": -1}, {"switches": 1, "critical_current_a": 0.0},
                {"switches": 1, "cooling_w_w": -1.0}):  # fmt: skip
        with pytest.raises(InputError):
            sfq(**bad)
