"""Costs of formats by layer: they add up to the ledger's, and count what they say."""

import re
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import picojoule as pj
from picojoule.allocate import RESOURCES, allocate, layer_costs, units_of, with_formats
from picojoule.chips import load_chip
from picojoule.errors import InputError
from picojoule.formats import BF16, FP32, INT8, INT64, Int
from picojoule.graph import Kind
from picojoule.graph.count import macs
from picojoule.transforms import retarget

CHIP = load_chip("jetson-agx-orin")
OPTIONS = [(FP32, FP32), (BF16, BF16), (INT8, INT8), (Int(4), BF16), (Int(4), INT8)]
ENERGY, TIME, BYTES, BOPS = (RESOURCES.index(r) for r in RESOURCES)


def cnn(layers=2):
    convs = [m for i in range(layers) for m in (nn.Conv2d(8 + i, 9 + i, 3, padding=1), nn.ReLU())]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8 + layers, 10, bias=False)]
    return pj.trace(nn.Sequential(*convs, *head).eval(), torch.zeros(1, 8, 16, 16))


def contractions(ledger):
    return ledger.where(kind=["matmul", "conv"])


@pytest.mark.parametrize(("precision", "option"), [("fp32", 0), ("bf16", 1), ("int8", 2)])
def test_a_uniform_choice_costs_what_the_ledger_says(precision, option):
    graph = cnn()
    costs = layer_costs(graph, CHIP, OPTIONS)
    ledger = contractions(pj.estimate(retarget(graph, precision), on=CHIP))
    assert costs[:, option, ENERGY].sum() == pytest.approx(ledger["energy_j"].sum(), rel=1e-12)
    assert costs[:, option, TIME].sum() == pytest.approx(ledger["time_s"].sum(), rel=1e-12)


def test_a_mixed_choice_is_priced_by_the_same_numbers():
    graph = cnn()
    costs = layer_costs(graph, CHIP, OPTIONS)
    picks = [2, 0, 4]
    mixed = with_formats(
        graph, {u: OPTIONS[p] for u, p in zip(units_of(graph), picks, strict=True)}
    )
    ledger = contractions(pj.estimate(mixed, on=CHIP))
    total = costs[[0, 1, 2], picks, ENERGY].sum()
    assert total == pytest.approx(ledger["energy_j"].sum(), rel=1e-12)


def test_bytes_and_bit_operations_are_counted():
    graph = cnn()
    costs = layer_costs(graph, CHIP, OPTIONS)
    first = next(op for op in graph.ops if op.kind is Kind.CONV)
    assert units_of(graph) == ("0", "2", "6")
    assert costs[2, :, BYTES] == pytest.approx(10 * 10 * np.array([4, 2, 1, 0.5, 0.5]))
    bits = np.array([32 * 32, 16 * 16, 8 * 8, 4 * 16, 4 * 8])
    assert costs[0, :, BOPS] == pytest.approx(macs(first) * bits)


def test_fewer_bits_never_cost_more_energy():
    costs = layer_costs(cnn(), CHIP, OPTIONS)
    assert (np.diff(costs[:, :3, ENERGY], axis=1) <= 0).all()
    assert (costs[:, 4, ENERGY] <= costs[:, 2, ENERGY]).all()  # int4 weights, int8 arithmetic


def test_a_format_that_the_chip_cannot_compute_is_no_option():
    wide = (INT64, INT64)
    costs = layer_costs(cnn(), CHIP, [(INT8, INT8), wide])
    assert np.isnan(costs[:, 1, ENERGY]).all()
    choice = allocate(np.tile([1.0, 0.0], (3, 1)), costs, np.full(4, np.inf))
    assert choice.options == (0, 0, 0)


def test_products_of_activations_are_units_of_their_module():
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True).eval()
    graph = pj.trace(layer, torch.zeros(2, 5, 16))
    costs = layer_costs(graph, CHIP, OPTIONS)
    assert len(costs) == len(units_of(graph)) == len(set(units_of(graph)))
    assert np.isfinite(costs).all()


def test_a_model_with_weights_read_in_two_phases_stores_them_once():
    config = {
        "model_type": "llama", "hidden_size": 64, "intermediate_size": 160, "vocab_size": 100,
        "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2,
        "tie_word_embeddings": False,
    }  # fmt: skip
    once, twice = pj.trace(config, prompt=7), pj.trace(config, prompt=7, context=9)
    total = [layer_costs(g, CHIP, OPTIONS)[:, 2, BYTES].sum() for g in (once, twice)]
    assert total[0] == total[1] > 0


def test_50_layers_8_options_in_a_second():
    options = [*OPTIONS, (INT8, BF16), (Int(6), INT8), (Int(2), INT8)]
    graph = cnn(50)
    start = time.process_time()
    costs = layer_costs(graph, CHIP, options)
    assert time.process_time() - start < 1.0
    assert costs.shape == (51, 8, 4)


def test_wrong_names_and_nothing_to_choose_are_errors():
    with pytest.raises(InputError, match="no unit '7' in the graph"):
        with_formats(cnn(), {"7": (INT8, INT8)})
    relu = pj.trace(nn.ReLU(), torch.zeros(4))
    with pytest.raises(InputError, match=r"(?s)nothing to choose.*0 units, 5 options"):
        layer_costs(relu, CHIP, OPTIONS)
    with pytest.raises(InputError, match="nothing to choose"):
        layer_costs(cnn(), CHIP, [])


def test_the_documented_example_runs():
    text = (Path(__file__).parents[2] / "docs/allocate.md").read_text()
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(block, {})  # noqa: S102
