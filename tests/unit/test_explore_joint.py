"""Searching models and chips together: each strategy against what can be counted by hand."""

from __future__ import annotations

import itertools

import pytest

from picojoule.errors import InputError
from picojoule.papers import nasaic
from picojoule.papers.paper import Verdict, verdict_of
from picojoule.search.explore.joint import Together

MODELS = {"small": 0.7, "middle": 0.8, "large": 0.9}
SIZE = {"small": 1.0, "middle": 2.0, "large": 4.0}
CHIPS = (1.0, 2.0, 4.0)


def cost(model: str, chip: float) -> tuple[float, float]:
    """Time falls with the chip, area grows with it."""
    return SIZE[model] / chip, chip


def together(time: float, area: float) -> Together[str, float]:
    return Together(MODELS, CHIPS, cost, (time, area))


def test_model_first_violates_what_joint_search_keeps():
    search = together(1.0, 2.0)  # the large model would need a chip of 4
    first = search.model_first(3, 0)
    assert (first.model, first.excess) == ("large", 2.0)
    assert not first.keeps
    both = search.joint(9, 0)
    assert (both.model, both.design) == ("middle", 2.0)
    assert both.keeps


@pytest.mark.parametrize(("time", "area"), [*itertools.product((0.5, 1, 2, 4), (1, 2, 4))])
def test_a_whole_joint_search_is_brute_force(time, area):
    search = together(time, area)
    kept = [(MODELS[m], -max(c / x for c, x in zip(cost(m, d), (time, area), strict=True)))
            for m in MODELS for d in CHIPS
            if cost(m, d)[0] <= time and cost(m, d)[1] <= area]  # fmt: skip
    found = search.joint(9, 3)
    assert found.keeps == bool(kept)
    if kept:
        assert (found.accuracy, -found.excess) == max(kept)
    for strategy in (search.model_first, search.chip_first):
        assert found.rank >= strategy(9, 3).rank


def test_chip_first_takes_the_chip_that_fills_the_limits():
    found = together(1.0, 2.0).chip_first(6, 0)
    assert (found.model, found.design) == ("middle", 2.0)


def test_same_seed_same_pair():
    search = nasaic.together(0.25)
    assert search.joint(20, 1) == search.joint(20, 1)
    assert len({search.joint(20, seed).design for seed in range(8)}) > 1


def test_nothing_to_choose():
    with pytest.raises(InputError, match="models and designs"):
        Together({}, CHIPS, cost, (1.0, 1.0))
    with pytest.raises(InputError, match="no budget"):
        together(1, 1).joint(0, 0)


def test_nasaic_costs_by_hand():
    """(4, 1) on a 4 x 4 weight-stationary array: 9 x 4 weights in 3 folds of 64 + 10 cycles, then
    64 x 10 weights in 16 x 3 folds of 1 + 10 cycles."""
    cycles, energy, area = nasaic.cost((4, 1), nasaic.Chips(4, 0, 8192))
    assert cycles == 3 * 74 + 48 * 11
    assert area == pytest.approx((16 * 419 + 8 * 8192 * 0.702) * 1e-6)
    assert energy > (64 * 36 + 640) * 0.3e-12


def test_nasaic_is_in_part():
    assert verdict_of(nasaic.check(None)) is Verdict.PARTLY is nasaic.PAPER.verdict
