"""System pipelines: watts by hand, classifiers by sampling, and descriptions that don't work."""

import math

import numpy as np
import pytest

from picojoule.cost.pipeline import Node, Pipeline, load_pipeline
from picojoule.errors import InputError

SOURCE = Node("camera", to="filter", bytes=1000, rate_hz=50.0, joule_per_bit=1e-9)


def pipeline(*nodes, **extra):
    return Pipeline("test", nodes, **extra)


def test_watts_by_hand():
    keep = Node(
        "filter", to="disk", bytes=24, joule_per_bit=2e-9, joule_per_op=3e-3, ops=(0.5, 0.001),
        reduction=10, keeps=(0.05, 0.8),
    )  # fmt: skip
    result = pipeline(SOURCE, keep, Node("disk")).run()
    sent_hz = 45 * 0.05 + 5 * 0.8
    assert result.flows["filter"].power_w == pytest.approx(3e-3 * (512 + 0.001 * 1024**2) * 50)
    assert result.link_w == pytest.approx(1e-9 * 8000 * 50 + 2e-9 * 8 * 1024 * sent_hz)
    assert result.f1 == pytest.approx(2 * 4 / (2 * 4 + 2.25 + 1))
    assert result.joule_per_relevant_sample == pytest.approx(result.power_w / 4)


def test_halving_the_technology_halves_the_watts():
    nodes = (SOURCE, Node("filter", joule_per_op=1.0, ops=(1.0,)))
    assert pipeline(*nodes, scale=2.0).run().power_w == pipeline(*nodes).run().power_w / 2


@pytest.mark.parametrize(("skill", "spread", "reduction"), [(2.0, 1.0, 10), (0.5, 2.0, 3)])
def test_a_gaussian_filter_is_what_sampling_finds(skill, spread, reduction):
    nodes = (SOURCE, Node("filter", reduction=reduction, skill=skill, spread=spread))
    flow = pipeline(*nodes).run().flows["filter"]
    assert flow.output_hz == pytest.approx(50 / reduction)
    generator = np.random.default_rng(0)
    n = 400_000
    relevant = generator.random(n) < 1 / reduction
    score = np.where(
        relevant, skill + spread * generator.standard_normal(n), generator.standard_normal(n)
    )
    threshold = np.quantile(score, 1 - 1 / reduction)
    found = (relevant & (score > threshold)).mean() * 50
    assert flow.relevant_hz == pytest.approx(found, rel=0.02)


def test_skill_is_worth_f1():
    scores = [
        pipeline(SOURCE, Node("filter", reduction=20, skill=s)).run().f1 for s in (0, 1, 2, 4, 20)
    ]
    assert scores == sorted(scores)
    assert scores[0] == pytest.approx(1 / 20)
    assert scores[-1] == pytest.approx(1)


BAD = {
    "in a circle": (
        SOURCE,
        Node("filter", to="b", joule_per_bit=1e-9),
        Node("b", to="filter", joule_per_bit=1e-9),
    ),
    "which is no node": (
        Node("camera", to="fitler", rate_hz=1, joule_per_bit=1e-9),
        Node("filter"),
    ),
    "missing constant joule_per_bit": (Node("camera", to="filter", rate_hz=1.0), Node("filter")),
    "missing constant joule_per_op": (SOURCE, Node("filter", ops=(1.0,))),
    "needs rate_hz": (Node("camera", to="filter", joule_per_bit=1e-9), Node("filter")),
    "not possible": (SOURCE, Node("filter", bytes=-1.0)),
    "reduction or spread": (SOURCE, Node("filter", reduction=0.5)),
    "either skill or keeps": (SOURCE, Node("filter", reduction=2.0)),
    "pair of shares": (SOURCE, Node("filter", reduction=2.0, keeps=(0.1, 1.2))),
    "one name": (SOURCE, SOURCE, Node("filter")),
    "one last node": (SOURCE, Node("filter"), Node("other", rate_hz=50.0)),
    "different rates": (
        SOURCE,
        Node("b", to="filter", rate_hz=3.0, joule_per_bit=1e-9),
        Node("filter"),
    ),
}


@pytest.mark.parametrize("words", BAD)
def test_what_is_no_pipeline_is_named(words):
    with pytest.raises(InputError, match=words):
        pipeline(*BAD[words]).run()


def test_no_samples_or_a_rate_that_is_no_number():
    for rate_hz in (0.0, math.inf, math.nan, -1.0):
        source = Node("camera", to="filter", rate_hz=rate_hz, joule_per_bit=1e-9)
        with pytest.raises(InputError):
            pipeline(source, Node("filter", reduction=2.0, skill=1.0)).run()
    with pytest.raises(InputError, match="of no nodes"):
        pipeline().run()
    with pytest.raises(InputError, match="scale"):
        pipeline(SOURCE, Node("filter"), scale=0.0).run()


def test_work_that_is_negative_is_refused():
    with pytest.raises(InputError, match="ops per message"):
        pipeline(SOURCE, Node("filter", joule_per_op=1.0, ops=(-1.0,))).run()


def test_what_keeps_nothing_costs_infinitely_much_per_relevant_sample():
    silent = Node("filter", to="last", joule_per_bit=1e-9, reduction=2.0, keeps=(0.0, 0.0))
    result = pipeline(SOURCE, silent, Node("last", reduction=2.0, skill=1.0)).run()
    assert result.joule_per_relevant_sample == math.inf
    assert result.f1 == 0


TOML = """
name = "camera trap"

[[nodes]]
name = "camera"
to = "filter"
bytes = 150e3
rate_hz = 2.0
joule_per_bit = 1e-9

[[nodes]]
name = "filter"
joule_per_op = 1e-12
ops = [2.0]
reduction = 50.0
skill = 3.0
"""


def test_a_description_in_a_file(tmp_path):
    file = tmp_path / "trap.toml"
    file.write_text(TOML)
    result = load_pipeline(file).run()
    assert result.link_w == pytest.approx(1e-9 * 8 * 150e3 * 2)
    assert 0 < result.f1 < 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TOML.replace("skill", "skil"), "unknown field `skil`"),
        (TOML.replace("50.0", '"50"'), r"Expected `float`, got `str`"),
        ("name = ", "not a pipeline"),
        (TOML.replace('name = "camera trap"', ""), "missing required field `name`"),
    ],
)
def test_a_file_that_is_wrong(tmp_path, text, words):
    file = tmp_path / "trap.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=words):
        load_pipeline(file)


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="can't read"):
        load_pipeline(tmp_path / "none.toml")
    large = tmp_path / "large.toml"
    large.write_text("#" * 1_000_001)
    with pytest.raises(InputError, match="too large"):
        load_pipeline(large)
