"""MLPerf Tiny: published counts of the four networks, the law, networks left out on a board."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from picojoule.calibrate.tiny.mlperf_tiny import SET
from picojoule.calibrate.tiny.model import fitted, joules_of
from picojoule.calibrate.tiny.networks import NETWORKS, work
from picojoule.calibrate.validate import validate

DATA = Path(os.environ.get("PICOJOULE_DATA", Path(__file__).parents[4] / "shared/data"))


@pytest.fixture(scope="module")
def rows():
    if not (DATA / "mlperf_power/tiny.csv").exists():
        pytest.skip("the public measurements are not here: set PICOJOULE_DATA")
    parsed = SET.parse(SET.find(DATA))
    index = parsed.usable()
    return [parsed.configs[i] for i in index], parsed.energy_j[index], parsed


@pytest.mark.parametrize(
    ("network", "macs", "weights"),
    [
        # MACs as printed by the networks' own tools; parameters with biases, norms folded
        ("ic", 12_501_632, 77_706),
        ("kws", 2_656_768, 22_604),
        ("vww", 7_489_664, 210_850),
        ("ad", 264_192, 265_864),
    ],
)
def test_published_counts(network, macs, weights):
    layers = NETWORKS[network]
    assert sum(layer.macs for layer in layers) == sum(work(network)[:4]) == macs
    assert sum(layer.weights + layer.outs for layer in layers) == weights


def test_a_fit_finds_the_constants_that_made_its_rows(rows):
    configs, energy_j, _ = rows
    truth = fitted(configs, energy_j)
    made = joules_of(truth, configs)
    again = joules_of(fitted(configs, made), configs)
    np.testing.assert_allclose(again, made, rtol=0.05)


def test_joules_follow_volts_where_a_system_is_new(rows):
    run = next(c for c in rows[0] if c.board == "NUCLEO-L4R5ZI" and c.volts == 1.8)
    low, high = (dataclasses.replace(run, software="new", notes="new", volts=v) for v in (1.8, 3.0))
    j = joules_of(SET.shipped().constants, [low, high])
    assert j[1] / j[0] == pytest.approx(3.0 / 1.8)


def test_the_same_result_submitted_again_is_a_copy(rows):
    _, _, parsed = rows
    copies = [r for r in parsed.reasons if r and "a copy of row" in r]
    assert len(copies) == 6, "Syntiant's results of round 1.0 are in round 1.1 again"


def test_a_new_board_from_one_given_row(rows):
    configs, energy_j, _ = rows
    known = SET.shipped()
    here = [i for i, c in enumerate(configs) if c.board == "NUCLEO-H7A3ZI-Q"]
    renamed = [dataclasses.replace(configs[i], board="NEW") for i in here]
    assert np.isnan(known.predict(renamed).energy_j).all()
    first = next(k for k, c in enumerate(renamed) if c.network == "ic")
    answer = known.given([renamed[first]], energy_j[here[first : first + 1]]).predict(renamed)
    error = np.abs(answer.energy_j / energy_j[here] - 1.0)
    assert np.median(error) < 0.4, "software differs among them"


def test_networks_left_out(rows):
    done = validate(DATA, SET.name)
    assert done.scores.median < 0.15
    assert done.scores.mean < 0.20
    assert 0.85 <= done.scores.coverage <= 0.95
    assert all(done.scores.mean < rival.mean for rival in done.rival_scores().values())
