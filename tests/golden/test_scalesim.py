"""SCALE-Sim 3.0.0's cycles and SRAM accesses, from closed forms.

Data: cycles per ResNet-18 layer that scalesim prints, and its golden reports (MIT).
PICOJOULE_DATA names the folder that has scalesim/.
"""

import csv
import math
import os
from pathlib import Path

import pytest

from picojoule.cost.systolic import Product, systolic

DATA = Path(os.environ.get("PICOJOULE_DATA", Path(__file__).parents[3] / "shared/data"))
SCALESIM = DATA / "scalesim"
needs_data = pytest.mark.skipif(
    not SCALESIM.exists(), reason="SCALE-Sim's reports are not here: set PICOJOULE_DATA"
)


def layers():
    with (SCALESIM / "resnet18_ws_32x32_cycles.csv").open() as file:
        return [{k: v if k == "layer" else int(v) for k, v in r.items()}
                for r in csv.DictReader(file)]  # fmt: skip


def product(row):
    """SCALE-Sim rounds a strided output up, and pads nothing."""
    height, width = (
        math.ceil((row[f"ifmap_{a}"] - row[f"filter_{a}"] + row["stride"]) / row["stride"])
        for a in "hw"
    )
    k = row["filter_h"] * row["filter_w"] * row["channels"]
    return Product(height * width, k, row["filters"])


@needs_data
def test_12_of_12_layers_of_resnet18():
    rows = layers()
    assert len(rows) == 12
    got = [systolic(product(r), 32, 32).cycles for r in rows]
    assert got == [r["total_cycles"] for r in rows]
    whole = sum(c * r["multiplicity"] for c, r in zip(got, rows, strict=True))
    assert whole == 2_519_815


def report(folder, name):
    with (SCALESIM / "golden" / folder / f"{name}.csv").open() as file:
        row = next(csv.DictReader(file, skipinitialspace=True))
    return {key.strip(): float(value) for key, value in row.items() if key.strip()}


ALEXNET_CONV1 = Product(55 * 55, 11 * 11 * 3, 96)
GEMM = Product(256, 256, 128)  # the one whose SRAM counts and utilisation are the user goldens'


@needs_data
@pytest.mark.parametrize(("folder", "work", "dataflow"), [
    ("golden_trace_calc", ALEXNET_CONV1, "weight"),
    ("golden_trace_user_ws", GEMM, "weight"),
    ("golden_trace_user_is", GEMM, "input"),
    ("golden_trace_user_os", GEMM, "output"),
])  # fmt: skip
def test_golden_reports(folder, work, dataflow):
    """Cycles without stalls, and what the array reads and writes."""
    run = systolic(work, 32, 32, dataflow)
    compute = report(folder, "COMPUTE_REPORT")
    assert run.cycles == compute["Total Cycles"] - compute["Stall Cycles"]
    access = report(folder, "DETAILED_ACCESS_REPORT")
    assert run.sram_input == access["SRAM IFMAP Reads"]
    assert run.sram_weight == access["SRAM Filter Reads"]
    # Its output-stationary trace writes 64 more for each of 32 folds than there are outputs.
    extra = 64 * run.folds if dataflow == "output" else 0
    assert run.sram_output + extra == access["SRAM OFMAP Writes"]
    # A prefetch is whole lines: at most 2 elements beyond the filter.
    assert 0 <= access["DRAM Filter Reads"] - work.k * work.n <= 2


@needs_data
def test_the_golden_cycles_of_alexnet():
    assert systolic(ALEXNET_CONV1, 32, 32).cycles == 112_283
