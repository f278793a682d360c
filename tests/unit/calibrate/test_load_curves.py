"""Public curves of CPU load against RAPL: units, magnitudes and copies are checked."""

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from picojoule.calibrate.load_curves import load_curves
from picojoule.errors import InputError

DATA = Path(os.environ.get("PICOJOULE_DATA", Path(__file__).parents[4] / "shared/data"))
HEAD = "cpu_name,cpu_load,cpu_freq,rapl_power,rapl_energy,estimated_power,duration"


def write(folder, *rows):
    (folder / "all_cores_x.csv").write_text("\n".join([HEAD, *rows]) + "\n")
    return folder


def test_watts_are_energy_over_time(tmp_path):
    (point,), refused = load_curves(write(tmp_path, "A CPU,50,2000,7,0.0005,9,30"))
    assert point.power_w == pytest.approx(0.0005 * 3.6e6 / 30)
    assert (point.load, point.clock_ghz, point.late_w, point.public_w) == (0.5, 2.0, 7, 9)
    assert refused == []


def test_what_is_wrong_is_named_with_its_row(tmp_path):
    good = "A CPU,50,2000,7,0.0005,9,30"
    rows = (good, good, "A,150,2000,7,0.0005,9,30", "A,50,2000,7,x,9,30", "A,50,2000,7,500,9,30")
    points, refused = load_curves(write(tmp_path, *rows))
    assert len(points) == 1
    reasons = ("a copy", "cpu_load is '150'", "rapl_energy is 'x'", "energy is in kWh")
    for line, (row, reason) in zip(refused, zip((3, 4, 5, 6), reasons, strict=True), strict=True):
        assert line.startswith(f"all_cores_x.csv:{row}: ")
        assert reason in line


def test_nothing_to_read(tmp_path):
    with pytest.raises(InputError, match="no usable rows"):
        load_curves(tmp_path)
    with pytest.raises(InputError, match="no usable rows"):
        load_curves(write(tmp_path, "A,50,2000,7,-1,9,30"))


@pytest.mark.skipif(not DATA.exists(), reason="needs the public measurements (PICOJOULE_DATA)")
def test_the_public_files_are_one_row_late():
    points, refused = load_curves(DATA / "cpu_load_vs_rapl")
    assert len(points) == 86
    assert refused == []
    pairs = [(a, b) for a, b in pairwise(points) if b.late_w > 2]
    assert np.median([b.late_w / a.power_w for a, b in pairs]) == pytest.approx(1, abs=0.02)
