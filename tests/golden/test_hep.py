"""The constants of papers/hep_pipeline against the spreadsheets of its artefact (BSD).

PICOJOULE_DATA names the folder that has hep_daq/.
"""

import os
import zipfile
from pathlib import Path
from xml.etree.ElementTree import fromstring

import numpy as np
import pytest

from picojoule.papers.hep_pipeline import DETECTORS, HLT, WALL_TIME, Trigger, system

DATA = Path(os.environ.get("PICOJOULE_DATA", Path(__file__).parents[3] / "shared/data")) / "hep_daq"
pytestmark = pytest.mark.skipif(
    not DATA.exists(), reason="the HEP spreadsheets are not here: set PICOJOULE_DATA"
)
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def sheet(book, name):
    """Rows of cell texts."""
    with zipfile.ZipFile(DATA / book) as z:
        strings = [
            "".join(t.text or "" for t in item.iter(f"{SHEET}t"))
            for item in fromstring(z.read("xl/sharedStrings.xml"))  # noqa: S314
        ]
        book_root = fromstring(z.read("xl/workbook.xml"))  # noqa: S314
        sheets = [s.get("name") for s in book_root.iter(f"{SHEET}sheet")]
        root = fromstring(z.read(f"xl/worksheets/sheet{sheets.index(name) + 1}.xml"))  # noqa: S314
    return [[text(c, strings) for c in row] for row in root.iter(f"{SHEET}row")]


def text(cell, strings):
    value = cell.find(f"{SHEET}v")
    if value is None:
        return None
    return strings[int(value.text)] if cell.get("t") == "s" else value.text


def test_detectors():
    rows = sheet("cms_system_200.xlsx", "Detectors")[1:]
    theirs = {(r[0], r[1]): float(r[2]) for r in rows}
    ours = {(g, n): size for g, sizes in DETECTORS.items() for n, size in sizes.items()}
    assert ours == theirs
    assert {float(r[5]) for r in rows} == {22.2e-12}
    assert {float(r[3]) for r in rows} == {40e6}


def test_processors():
    rows = {r[0]: r for r in sheet("cms_system_200.xlsx", "Processors")[1:]}
    assert [float(rows["Intermediate"][i]) for i in (2, 3, 7, 8)] == [260_000, 53.3, 25e-12, 3e-3]
    assert [float(rows["Global"][i]) for i in (3, 5, 6, 7, 8)] == [100, 4, 1, 25e-12, 16]
    assert HLT.skill == 4


def test_wall_time_is_the_least_squares_cubic():
    rows = np.array([[float(v) for v in r[:3]] for r in sheet("wall.xlsx", "Data")[1:]])
    assert len(rows) == 34
    size, wall = rows[:, 1] / 1e6, rows[:, 2]
    powers = np.stack([size, size**2, size**3], axis=1)
    fit = np.linalg.lstsq(powers, wall, rcond=None)[0] / [1e6, 1e12, 1e18]
    np.testing.assert_allclose(fit, WALL_TIME, rtol=1e-6)


def test_smart_pixels_are_54_percent_less():
    inner = {r[1]: float(r[2]) for r in sheet("cms_system_200_smartpx.xlsx", "Detectors")[1:]}
    assert inner["Inner Tracker"] == pytest.approx(0.46 * DETECTORS["Tracking"]["Inner Tracker"])


def test_published_watts():
    base = system(l1t=Trigger(2.0))
    assert base.link_w == pytest.approx(124_601.7, abs=1)
    assert base.flows["L1T"].power_w == pytest.approx(505_500)
    best = system(pixels=0.46, gpu=2, l1t=Trigger(2.4))
    assert 1 - best.power_w / base.power_w == pytest.approx(0.603, abs=5e-4)
