"""Every transform: a changed copy for a plan, and a card that names every layer it left alone."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from picojoule.errors import InputError  # noqa: E402
from picojoule.formats import Int  # noqa: E402
from picojoule.transforms.base import Transform  # noqa: E402
from picojoule.transforms.quantize import LayerPlan, Quantize, Quantizer  # noqa: E402
from picojoule.transforms.sparsify import Sparse, Sparsify  # noqa: E402

CASES = {
    "quantize": (Quantize(), LayerPlan(Quantizer(Int(2))), "quantization_card"),
    "sparsify": (Sparsify(), Sparse(0.5), "sparsity_card"),
}
LAYERS = ["0", "2", "4"]


def network() -> Any:
    torch.manual_seed(0)
    linear, relu = torch.nn.Linear, torch.nn.ReLU
    return torch.nn.Sequential(linear(8, 16), relu(), linear(16, 16), relu(), linear(16, 4)).eval()


@pytest.fixture(params=CASES)
def case(request) -> tuple[Transform[Any, Any], Any, str]:
    return CASES[request.param]


def test_sites_are_the_layers_in_the_order_of_the_model(case):
    transform, _, _ = case
    assert [getattr(s, "name", s) for s in transform.sites(network())] == LAYERS


def test_only_what_is_planned_changes_and_only_in_the_copy(case):
    transform, change, _ = case
    model, before = network(), network().state_dict()
    changed = transform.apply(model, {"2": change})
    assert {n: torch.equal(w, before[n]) for n, w in model.state_dict().items()} == dict.fromkeys(
        before, True
    )
    for name in LAYERS:
        same = torch.equal(changed.get_submodule(name).weight, model.get_submodule(name).weight)
        assert same is (name != "2")
    x = torch.ones(1, 8)
    with torch.no_grad():
        assert not torch.equal(changed(x), model(x))


def test_the_card_names_what_was_left_alone(case):
    transform, change, card = case
    skipped = getattr(transform.apply(network(), {"2": change}), card).skipped
    assert set(skipped) == {"0", "4"}
    assert all(skipped.values())


def test_an_empty_plan_changes_nothing(case):
    transform, _, _ = case
    model, x = network(), torch.ones(1, 8)
    with torch.no_grad():
        assert torch.equal(transform.apply(model, {})(x), model(x))


def test_a_name_that_is_no_layer_gets_its_neighbour(case):
    transform, change, _ = case
    with pytest.raises(InputError, match="'22'"):
        transform.apply(network(), {"22": change})
