"""Formats by layer: damage, plans within budgets, and candidates that are modelled only."""

import itertools
import json
from typing import get_args

import numpy as np
import pytest
import torch
from torch import nn

import picojoule as pj
from picojoule.allocate import with_formats
from picojoule.chips import load_chip
from picojoule.errors import InputError
from picojoule.formats import INT8, Int
from picojoule.quantity import Evidence, Quantity
from picojoule.report.chart_front import STATUS_COLOURS, pareto
from picojoule.report.documents import OptimizeDocument, Status, read_as
from picojoule.report.text_front import STATUS_STYLE, front_view
from picojoule.search import Candidate, Front, Recipe
from picojoule.search.attempt import Attempt
from picojoule.search.damage import Damage, damage, layer_plan
from picojoule.search.mixed import layers_of, plans
from picojoule.search.modelled import attempt_modelled, compared, hopeless
from picojoule.transforms import retarget
from picojoule.transforms.quantize import Quantize

X = torch.randn(64, 16, generator=torch.Generator().manual_seed(0))
ORIN = load_chip("jetson-agx-orin")


class Net(nn.Module):
    """Two products of activations beside three linear layers."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.c = nn.Linear(16, 32), nn.Linear(32, 32), nn.Linear(32, 3)

    def forward(self, x):
        h = torch.relu(self.a(x))
        return self.c(torch.relu(self.b(h)) + (h @ h.T).softmax(1) @ h)


@pytest.fixture(scope="module")
def net():
    return Net().eval()


@pytest.fixture(scope="module")
def graph(net):
    return pj.trace(net, X[:4])


def made_up(error, formats=("int8", "int4", "int2")):
    return Damage(("a", "b", "c"), formats, np.array(error, float), {})


def test_what_has_no_quantiser_is_named(net, graph):
    sites, others = layers_of(net, graph)
    assert [s.name for s in sites] == ["a", "b", "c"]
    assert len(others) == 2  # the two products of activations
    assert not {"a", "b", "c"} & set(others)


def test_damage_is_that_of_one_layer_alone(net):
    found = damage(net, ["a", "b", "c"], [X[:8], X[8:16]], ("int8", "int2"))
    alone = Quantize([X[:8], X[8:16]]).apply(net, {"b": layer_plan("int2")})
    with torch.no_grad():
        y, z = net(X[:8]), alone(X[:8])
        y2, z2 = net(X[8:16]), alone(X[8:16])
    error = (z - y).square().sum() + (z2 - y2).square().sum()
    power = y.square().sum() + y2.square().sum()
    assert found.error[1, 1] == pytest.approx(float(error / power), rel=1e-4)
    assert (found.error[:, 0] < found.error[:, 1]).all()
    assert not found.skipped


def test_a_layer_that_breaks_in_a_format_lacks_it():
    class Inverse(Net):
        def forward(self, x):
            return 1 / self.a(x)

    model = Inverse().eval()
    with torch.no_grad():
        model.a.bias.zero_()
        model.a.weight.fill_(1e-9)  # 0 in float16
    found = damage(model, ["a"], [torch.ones(2, 16)], ("float16",))
    assert found.layers == ()
    assert "not finite" in found.skipped["a"]


def test_a_format_that_no_layer_can_have():
    with pytest.raises(InputError, match="not a format of layers"):
        layer_plan("int16")
    with pytest.raises(InputError, match="unknown number format"):
        layer_plan("int4ish")


def test_plans_are_the_best_of_all_within_each_budget(net, graph):
    """Against brute force over all 27, with the plan's own ledger as the judge of energy."""
    found = made_up([[0, 2, 9], [0, 3, 30], [0, 1, 2]])
    sites, _ = layers_of(net, graph)
    made = {p.name: p for p in plans(graph, ORIN, sites, found)}
    assert set(made) >= {"int8", "int4", "int2", "mixed 50% int4..int8", "mixed 75% int2..int4"}
    index = {f: i for i, f in enumerate(found.formats)}

    def loss(formats):
        return sum(found.error[i, index[f]] for i, (_, f) in enumerate(formats))

    def joules(names):
        formats = {n: (Int(int(f[3:])), INT8) for n, f in zip("abc", names, strict=True)}
        return pj.estimate(with_formats(graph, formats), on=ORIN).total().energy.value

    every = {names: joules(names) for names in itertools.product(found.formats, repeat=3)}
    whole = {f: every[(f,) * 3] for f in found.formats}
    for a, b in (("int2", "int4"), ("int4", "int8")):
        plan = made[f"mixed 50% {a}..{b}"]
        budget = (whole[a] + whole[b]) / 2 * (1 + 1e-9)
        best = min(loss(zip("abc", n, strict=True)) for n, j in every.items() if j <= budget)
        assert loss(plan.formats) == best


def test_energy_grows_with_the_bits_and_includes_the_scales(net, graph):
    sites, _ = layers_of(net, graph)
    made = {p.name: p.energy for p in plans(graph, ORIN, sites, made_up([[0, 1, 2]] * 3))}
    assert made["int2"].value < made["int4"].value < made["int8"].value
    bare = with_formats(graph, dict.fromkeys("abc", (Int(4), INT8)))
    assert made["int4"].value > pj.estimate(bare, on=ORIN).total().energy.value
    assert made["int4"].evidence is Evidence.ASSUMED  # the weakest of the chip's constants


def test_an_infeasible_budget_says_the_least(net, graph):
    sites, _ = layers_of(net, graph)
    found = made_up([[0, 1, 2]] * 3)
    made = plans(graph, ORIN, sites, found)
    least = min(p.energy.value for p in made)
    with pytest.raises(InputError, match="the energy budget is infeasible") as caught:
        plans(graph, ORIN, sites, found, least / 2)
    assert caught.value.expected == f"at least {least:.4g} J"
    energy = {p.name: p.energy.value for p in made}
    budget = 0.3 * energy["int4"] + 0.7 * energy["int8"]
    own = {p.name: p for p in plans(graph, ORIN, sites, found, budget)}[f"mixed at {budget:g} J"]
    assert energy["int4"] < own.energy.value < budget * 1.001


def test_a_layer_without_a_format_does_not_get_it(net, graph):
    sites, _ = layers_of(net, graph)
    made = plans(graph, ORIN, sites, made_up([[0, 1, 2], [0, np.nan, np.nan], [0, 1, 2]]))
    assert {dict(p.formats)["b"] for p in made} == {"int8"}
    assert [p.name for p in made if not p.name.startswith("mixed")] == ["int8"]


def test_weights_alone_keep_everything_else_in_floats():
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.Flatten(), nn.Linear(8 * 36, 10)).eval()
    graph = pj.trace(model, torch.randn(1, 1, 8, 8))
    stored = [o for op in retarget(graph, "int4w").ops for o in op.operands]
    few = [o.format for o in stored if o.format.bits_per_element() < 32]
    assert [f.bits_per_element() for f in few] == [4.5]  # the linear layer, with its scales
    total = {p: pj.estimate(retarget(graph, p), on=ORIN) for p in ("fp32", "int8w", "int4w")}
    joules = {p: ledger.total().energy.value for p, ledger in total.items()}
    assert joules["int4w"] < joules["int8w"] < joules["fp32"]
    macs = {p: ledger["energy_j"][ledger["component"] == "compute"] for p, ledger in total.items()}
    np.testing.assert_array_equal(macs["int4w"], macs["fp32"])  # it multiplies in fp32


def joules(value):
    return Quantity(value, value, value, "J", Evidence.MODELLED)


def modelled(name, accuracy, energy):
    recipe = Recipe("modelled", name, formats=(("a", "int4"),))
    return Candidate(recipe, "modelled", predicted_energy=joules(energy),
                     accuracy=(accuracy, accuracy, accuracy), samples=10)  # fmt: skip


def test_modelled_candidates_say_what_beats_them(tmp_path):
    rows = [modelled("x", 0.9, 2.0), modelled("y", 0.9, 1.0), modelled("z", 0.8, 0.5)]
    done = {c.name: c for c in compared(rows, ORIN)}
    assert "modelled y is as accurate for fewer" in done["modelled x"].reason
    assert all("none is as accurate" in done[f"modelled {n}"].reason for n in "yz")
    assert all(c.reason.startswith("modelled only") for c in done.values())
    front = Front("m", "c", 0.01, tuple(rows), None, None, None, "", tmp_path)
    assert front.front == ()
    with pytest.raises(InputError, match="modelled only"):
        front.export(tmp_path / "out", "modelled x")
    assert Candidate.from_dict(json.loads(json.dumps(rows[0].to_dict()))) == rows[0]


def test_what_loses_more_than_a_rejected_one_is_skipped():
    rejected = Attempt(modelled("x", 0.5, 2.0).become("rejected"))
    recipe = Recipe("modelled", "y", formats=(("a", "int2"),))
    skipped = hopeless(recipe, [rejected], joules(1.0)).candidate
    assert skipped.status == "skipped"
    assert "than modelled x, which was rejected" in skipped.reason
    assert hopeless(recipe, [], joules(1.0)) is None
    assert hopeless(Recipe("openvino", "int8"), [rejected], joules(1.0)) is None


@pytest.fixture(scope="module")
def run(net, tmp_path_factory):
    folder = tmp_path_factory.mktemp("search")
    with torch.no_grad():
        answer = net(X).argmax(1)

    def evaluate(predict):
        return pj.Accuracy(predict(X).argmax(1) == answer)

    def go(on="stm32l4r5", **options):
        return pj.optimize(
            net, [X], evaluate=evaluate, on=on, runtimes=["torch-eager"], trials=1, threads=1,
            budget_s=1, max_drop=0.3, directory=folder, **options,
        )  # fmt: skip

    return go


@pytest.fixture(scope="module")
def front(run):
    return run()


def by_layer(front):
    return [c for c in front.candidates if c.recipe.formats]


def test_a_chip_elsewhere_gets_formats_by_layer(front):
    rows = by_layer(front)
    assert {"modelled int8", "modelled int4", "modelled int2"} <= {c.name for c in rows}
    assert any("mixed" in c.name for c in rows)
    assert all(c.accuracy and c.cosine_min is not None for c in rows if c.status != "skipped")
    assert all(c.energy is None and c.cpu_s is None for c in rows)
    assert {c.status for c in rows} <= {"modelled", "rejected", "inconclusive", "skipped"}
    assert front["modelled int8"].status == "modelled"
    assert front["modelled int8"].effective_precision == "int8, all 3 ops"
    assert front.chosen is None or not front[front.chosen].recipe.formats
    assert any("no formats by layer for" in note for note in front.notes)


def test_another_chip_reuses_the_trials_and_gets_its_own_joules(run, front, monkeypatch):
    made = []

    def counted(recipe, *args, **options):
        made.append(recipe)
        return attempt_modelled(recipe, *args, **options)

    monkeypatch.setattr("picojoule.search.modelled.damage", None)  # known from before
    monkeypatch.setattr("picojoule.search.loop.attempt_modelled", counted)
    other = run("jetson-agx-orin")
    assert {c.recipe for c in by_layer(front)}.isdisjoint(made)
    assert {c.recipe for c in by_layer(other)} > set(made)
    assert other["modelled int8"].accuracy == front["modelled int8"].accuracy
    for name in ("modelled int8", "torch-eager fp32"):
        assert other[name].predicted_energy != front[name].predicted_energy


def test_views_show_them(front):
    document = read_as(OptimizeDocument, front.to_dict())
    assert document.find("modelled int4").formats == dict.fromkeys("abc", "int4")
    assert front_view(document)
    assert "modelled int4" in json.dumps(pareto(document).to_dict())
    assert set(STATUS_COLOURS) == set(STATUS_STYLE) == set(get_args(Status))


@pytest.mark.parametrize("options", [{"on": "x86-avx512"}, {"formats": ()}])
def test_this_machine_has_no_use_for_them(run, monkeypatch, options):
    class Planned(Exception):
        pass

    def build(spec, lab, order, *rest):
        assert order
        assert not any(r.formats for r in order)
        raise Planned

    monkeypatch.setattr("picojoule.search.loop._build", build)
    with pytest.raises(Planned):
        run(**options)


def test_a_budget_reaches_the_search(run):
    with pytest.raises(InputError, match="at least"):
        run(energy_budget_j=1e-12)
    with pytest.raises(InputError, match="not this machine"):
        run("x86-avx512", energy_budget_j=1.0)
