"""The event family: ledgers, the matched baseline, break-even rates, the audit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import msgspec
import numpy as np
import pytest

from picojoule.chips import load_chip
from picojoule.cost.event import (
    Events,
    Recording,
    audit,
    break_even_rate,
    compare_with_ann,
    look,
    matched_ann,
    matched_bits,
    perceptron,
    record,
    with_seen,
)
from picojoule.errors import ChipError, InputError
from picojoule.formats import FP32, INT8, INT32, Int
from picojoule.graph import Graph, Kind, Op, Operand, Role
from published_schema import validate

CHIPS = ["convention-45nm", "loihi", "seneca", "spinnaker2", "truenorth"]
NET = perceptron((64, 32, 10), (0.2, 0.1), steps=5)


def estimate(graph, chip="convention-45nm"):
    return Events().estimate(graph, load_chip(chip))


def count(ledger, component):
    return float(ledger.where(component=component)["count"].sum())


def joules(ledger, component):
    return float(ledger.where(component=component)["energy_j"].sum())


def one_layer(fmt, density=1.0, repeat=1, weight=FP32):
    operands = (
        Operand(("k",), fmt, Role.INPUT, density=density),
        Operand(("k", "n"), weight, Role.WEIGHT),
        Operand(("n",), INT32, Role.OUTPUT, on_chip=True),
    )
    return Graph("layer", (Op("fc", Kind.MATMUL, {"k": 100, "n": 50}, operands, repeat=repeat),))


@pytest.mark.parametrize("chip", CHIPS)
def test_every_event_chip_prices_spikes_completely(chip):
    ledger = estimate(NET, chip)
    total = ledger.total()
    assert total.coverage == 1
    assert total.energy.low < total.energy.value < total.energy.high
    assert count(ledger, "ac") == pytest.approx(5 * (0.2 * 64 * 32 + 0.1 * 32 * 10))
    assert count(ledger, "neuron") == 5 * 42
    assert any("synaptic operation" in note for note in ledger.meta["notes"])


def test_the_convention_is_the_arithmetic_of_the_literature():
    spikes = estimate(one_layer(Int(1, signed=False), 0.3, repeat=4))
    assert joules(spikes, "ac") == pytest.approx(0.3 * 5000 * 4 * 0.9e-12)
    real = estimate(one_layer(FP32, 0.3, repeat=4))
    assert joules(real, "mac") == pytest.approx(5000 * 4 * 4.6e-12)  # zeros are multiplied too


def test_weights_are_fetched_per_spike_or_once_per_run():
    spikes = estimate(one_layer(Int(1, signed=False), 0.5, repeat=2, weight=INT8))
    assert count(spikes.where(operand="weight"), "read") == 0.5 * 5000 * 2
    real = estimate(one_layer(INT8, repeat=2, weight=INT8))
    assert count(real.where(operand="weight"), "read") == 5000 * 2


def test_dense_binary_input_has_as_many_additions_as_macs_and_silence_none():
    assert count(estimate(one_layer(Int(1, signed=False))), "ac") == 5000
    silent = estimate(perceptron((64, 32), (0.0,), 5))
    assert joules(silent, "ac") == 0
    assert joules(silent, "neuron") > 0


def test_energy_is_linear_in_the_steps_and_in_the_rate():
    work = ("ac", "neuron", "address", "read", "write")
    once, twice = (estimate(perceptron((64, 32), (0.1,), t)).where(component=work) for t in (3, 6))
    assert twice.total().energy.value == pytest.approx(2 * once.total().energy.value)
    at = [estimate(perceptron((64, 32), (r,), 5)).total().energy.value for r in (0.0, 0.1, 0.2)]
    assert at[2] - at[1] == pytest.approx(at[1] - at[0])


def test_a_chip_without_a_multiplier_says_so():
    ledger = estimate(one_layer(FP32), "loihi")
    assert ledger.total().missing == ("fc",)
    assert np.isnan(ledger.where(component="mac")["energy_j"]).all()
    assert "loihi has no multiplier for float32: not priced" in ledger.meta["notes"]


def test_what_a_chip_neither_prices_nor_holds_is_unavailable():
    chip = load_chip("loihi")
    part = msgspec.structs.replace(chip.event, within={}, pj={})
    ledger = Events().estimate(NET, msgspec.structs.replace(chip, event=part))
    components = set(ledger["component"][np.isnan(ledger["energy_j"])].tolist())
    assert components == {"read", "write", "address", "route"}


def test_static_power_is_drawn_for_at_least_the_ticks():
    ledger = estimate(NET, "truenorth")
    assert ledger.total().time.value == pytest.approx(5e-3)
    assert joules(ledger, "static") == pytest.approx(5e-3 * 0.0644)


def test_routing_counts_spikes_times_hops():
    ledger = estimate(one_layer(Int(1, signed=False), 0.5, weight=INT8), "loihi")
    assert count(ledger, "route") == 50 * 4
    assert joules(ledger, "route") == pytest.approx(50 * 4 * 3.5e-12)


@pytest.mark.parametrize("density", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_density_is_a_share(density):
    with pytest.raises(InputError, match="density"):
        estimate(one_layer(Int(1, signed=False), density))


def test_bad_chips_are_refused():
    with pytest.raises(ChipError, match="no \\[event\\] part"):
        Events().estimate(NET, load_chip("h100-sxm"))
    chip = load_chip("convention-45nm")
    part = msgspec.structs.replace(chip.event, weights="flash")
    with pytest.raises(ChipError, match="no memory level"):
        Events().estimate(NET, msgspec.structs.replace(chip, event=part))


def test_ops_of_unknown_work_are_missing_and_the_rest_is_priced():
    unknown = replace(one_layer(FP32).ops[0], name="odd", kind=Kind.CUSTOM)
    fine = Operand(("k", "n"), FP32, Role.INPUT)
    norm = Op("norm", Kind.NORM, {"k": 100, "n": 50}, (fine, replace(fine, role=Role.OUTPUT)))
    ledger = estimate(Graph("g", (unknown, norm)))
    assert ledger.total().missing == ("odd",)
    assert ledger.where(op="norm", component="vector")["count"] == [5 * 5000]


def test_no_rate_but_the_data_decides():
    x = (np.arange(500).reshape(5, 100) % 5 == 0).astype(float)
    seen = with_seen(one_layer(FP32, repeat=5), {"fc": look(x)})
    assert count(estimate(seen), "ac") == pytest.approx(x.sum() * 50)
    levels = np.arange(100).reshape(1, 100) % 5 / 4
    unrolled = with_seen(one_layer(FP32), {"fc": look(levels)})
    assert count(estimate(unrolled), "ac") == pytest.approx(4 * levels.sum() * 50)
    real = with_seen(one_layer(Int(1, signed=False)), {"fc": look(np.linspace(0, 1, 999) ** 2)})
    assert count(estimate(real), "mac") == 5000
    with pytest.raises(InputError, match="no contraction is called 'fc9'"):
        with_seen(NET, {"fc9": look(x)})


def test_break_even_rates_of_the_closed_form():
    rates = {t: 100 * break_even_rate(t) for t in range(5, 11)}
    assert fmean(rates.values()) == pytest.approx(5.985, abs=0.001)
    assert [round(rates[t], 2) for t in (5, 6, 7, 8, 10)] == [7.5, 6.25, 5.36, 6.25, 5.0]
    for steps in range(1, 2000):
        assert matched_bits(steps) == int(np.ceil(np.log2(steps + 1)))
    for steps in (0, -1):
        with pytest.raises(InputError, match="at least one step"):
            break_even_rate(steps)


@pytest.mark.parametrize("positions", [1, 4])
def test_at_the_break_even_rate_both_need_the_same(positions):
    graph = perceptron((512, 512), (0.1,), 5, positions=positions)
    rate = compare_with_ann(graph, "convention-45nm").break_even
    at = perceptron((512, 512), (rate,), 5, positions=positions)
    assert compare_with_ann(at, "convention-45nm").ratio == pytest.approx(1.0)


def test_the_baseline_is_bit_matched_and_runs_once():
    ann = matched_ann(NET)
    first = ann.ops[0]
    assert first.repeat == 1
    assert first.operands[0].format == Int(3, signed=False)
    assert first.operands[0].density == 1.0
    assert not any(o.role is Role.STATE for op in ann.ops for o in op.operands)
    found = compare_with_ann(NET, "convention-45nm")
    assert found.bits == 3
    assert count(found.ann, "mac") == 64 * 32 + 32 * 10
    assert found.rate == pytest.approx((0.2 * 2048 + 0.1 * 320) / 2368)
    assert found.compute_ratio != found.ratio


def test_arithmetic_alone_flatters_spikes():
    found = compare_with_ann(perceptron((512, 512), (0.1,), 5), "convention-45nm")
    assert found.compute_ratio < 0.2 < 0.5 < found.ratio


def test_a_chip_without_a_multiplier_needs_another_for_the_baseline():
    with pytest.raises(InputError, match="can't price"):
        compare_with_ann(NET, "loihi")
    found = compare_with_ann(NET, "loihi", ann_on="convention-45nm")
    assert found.ann.meta["chip"] == "convention-45nm"
    assert found.ratio > 1
    with pytest.raises(InputError, match="no contraction has binary inputs"):
        compare_with_ann(one_layer(FP32), "convention-45nm")


def test_silent_networks_have_no_break_even():
    found = compare_with_ann(perceptron((64, 32), (0.0,), 5), "convention-45nm")
    assert found.rate == 0
    assert np.isnan(found.break_even)


def test_bad_perceptrons_are_refused():
    for args in (
        ((64,), (), 5),
        ((64, 10), (0.1, 0.1), 5),
        ((64, 10), (0.1,), 0),
        ((64, 0), (0.1,), 5),
    ):
        with pytest.raises(InputError, match="not a perceptron"):
            perceptron(*args)


class TestAudit:
    spikes = (np.arange(300).reshape(3, 100) % 7 == 0).astype(float)
    image = np.tile(np.linspace(0, 1, 100) ** 2, (3, 1))

    def test_a_real_input_breaks_the_claim(self):
        found = audit({"stem": Recording(self.image, 8), "fc": Recording(self.spikes, 8)})
        assert found.broken == ("stem",)
        assert found.layers[0].repeated
        assert not found.layers[1].repeated
        macs, acs = 300 * 8, self.spikes.sum() * 8
        assert found.mac_share == pytest.approx(macs / (macs + acs))
        assert "stem" in str(found)
        assert "same input in every step" in str(found)

    def test_a_layer_that_is_not_claimed_breaks_nothing(self):
        layers = {"stem": Recording(self.image, 8), "fc": Recording(self.spikes, 8)}
        assert audit(layers, claimed=["fc"]).broken == ()
        with pytest.raises(InputError, match="no layer 'fd' was recorded"):
            audit(layers, claimed=["fd"])
        with pytest.raises(InputError, match="no layer was recorded"):
            audit({})


class TestRecord:
    @property
    def torch(self):
        return pytest.importorskip("torch")

    def spiking_net(self):
        torch = self.torch

        class Fire(torch.nn.Module):
            def forward(self, x):
                return (x > 0).to(x.dtype)

        torch.manual_seed(0)
        return torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, stride=2, padding=1), Fire(),
            torch.nn.Conv2d(8, 8, 3, padding=1, groups=4), Fire(),
            torch.nn.Flatten(), torch.nn.Linear(8 * 16, 10),
        )  # fmt: skip

    def test_layers_are_counted_exactly(self):
        x = self.torch.rand(4, 3, 8, 8)
        net = self.spiking_net()
        found = audit(record(net, x, steps=4))
        assert [layer.name for layer in found.layers] == ["0", "2", "5"]
        assert found.broken == ("0",)
        first, second, last = (layer.counts for layer in found.layers)
        taps = 4 * 11 * 11  # 4 outputs per axis read 11 of 12 rows: one is padding
        assert first.macs == taps * 3 * 8
        ones = self.torch.ones(8, 2, 3, 3)
        spikes = (net[0](x) > 0).float()
        added = self.torch.nn.functional.conv2d(spikes, ones, padding=1, groups=4).sum()
        assert second.acs == added
        assert last.updates == 40
        assert [layer.counts.updates for layer in found.layers[:2]] == [4 * 128, 4 * 128]

    def test_calls_are_steps(self):
        net = self.spiking_net()

        class Steps(self.torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.net = net

            def forward(self, x):
                return sum(self.net(x) for _ in range(5))

        recordings = record(Steps(), self.torch.rand(1, 3, 8, 8))
        assert {r.steps for r in recordings.values()} == {5}
        assert recordings["net.0"].repeated

    def test_what_can_not_be_recorded_is_refused(self):
        with pytest.raises(InputError, match="steps don't divide"):
            record(self.spiking_net(), self.torch.rand(4, 3, 8, 8), steps=3)
        with pytest.raises(InputError, match="no linear or convolutional layer"):
            record(self.torch.nn.ReLU(), self.torch.rand(4))
        with pytest.raises(InputError, match=r"not a torch\.nn\.Module"):
            record(Path("model.onnx"), self.torch.rand(4))


def test_the_example_of_the_page_runs(capsys):
    page = (Path(__file__).parents[2] / "docs/event.md").read_text()
    exec(page.split("```python\n")[1].split("```")[0], {})  # noqa: S102
    out = capsys.readouterr().out
    assert "stem" in out
    assert "break-even at 19.1% with 3-bit activations" in out


class TestCommand:
    def run(self, tmp_path, capsys, **options):
        from picojoule.cli.audit import audit as command

        pytest.importorskip("torch")
        (tmp_path / "snn.py").write_text(
            "import torch\n"
            "class Fire(torch.nn.Module):\n"
            "    def forward(self, x):\n"
            "        return (x > 0).float()\n"
            "torch.manual_seed(0)\n"
            "L = torch.nn.Linear\n"
            "model = torch.nn.Sequential(L(8, 16), Fire(), L(16, 4))\n"
            "calibration = [torch.randn(4, 8)]\n"
        )
        code = command(tmp_path / "snn.py", **options)
        return code, capsys.readouterr().out

    def test_a_broken_claim_exits_1(self, tmp_path, capsys):
        code, out = self.run(tmp_path, capsys)
        assert code == 1
        assert "multiplies" in out

    def test_the_stem_may_be_left_out(self, tmp_path, capsys):
        code, out = self.run(tmp_path, capsys, claimed=["2"], json=True)
        document = validate(json.loads(out))
        assert code == 0
        assert document["schema"] == "picojoule/audit/1"
        assert [layer["inputs"] for layer in document["layers"]] == ["real", "binary"]
        assert document["mac_share"] == pytest.approx(
            512 / (512 + document["layers"][1]["additions"])
        )
