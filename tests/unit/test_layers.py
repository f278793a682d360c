"""Joules per layer: the fit recovers made-up costs, and a real model sums to its measured total."""

import pytest
import torch
from torch import nn

from picojoule.errors import InputError
from picojoule.meter.layers import (
    BETWEEN,
    LayerTime,
    fit_overhead,
    layer_ledger,
    measure_layers,
)
from picojoule.quantity import Evidence, Quantity

JOULES = Quantity(10.0, 9.0, 11.0, "J", Evidence.MEASURED)


def known(path: str, time_s: float, calls: int = 1) -> LayerTime:
    return LayerTime(path, calls, time_s, time_s * 0.9, time_s * 1.1)


LEAVES = {p: known(p, t) for p, t in (("a.x", 1.0), ("a.y", 2.0), ("b.x", 4.0), ("b.y", 1.0))}


def containers(a: float, b: float) -> dict[str, LayerTime]:
    def total(prefix: str) -> float:
        inside = [t for p, t in LEAVES.items() if p.startswith(prefix)]
        return sum(a * t.time_s + b * t.calls for t in inside)

    return {"": known("", total("")), "a": known("a", total("a")), "b": known("b", total("b"))}


def test_fit_recovers_the_factor_and_the_overhead():
    assert fit_overhead(LEAVES, containers(1.2, 0.3)) == pytest.approx((1.2, 0.3))


def test_ledger_sums_to_the_measured_energy_and_is_calibrated():
    ledger = layer_ledger(LEAVES, containers(1.2, 0.3), JOULES)
    total = ledger.total()
    assert total.energy.value == pytest.approx(10.0)
    assert total.energy.evidence is Evidence.CALIBRATED
    rows = dict(zip(ledger["op"].tolist(), ledger["energy_j"].tolist(), strict=True))
    assert rows["b.x"] / rows["a.x"] == pytest.approx((1.2 * 4 + 0.3) / (1.2 + 0.3))
    assert rows[BETWEEN] == pytest.approx(0, abs=1e-6)


def test_a_guessed_total_does_not_become_calibrated_by_being_divided():
    guess = Quantity(10.0, 1.0, 20.0, "J", Evidence.ASSUMED)
    ledger = layer_ledger(LEAVES, containers(1.0, 0.0), guess)
    assert ledger.total().energy.evidence is Evidence.ASSUMED


def test_work_between_modules_is_its_own_row():
    slow = containers(1.0, 0.0)
    slow[""] = known("", 16.0)  # the blocks explain 8 of 16 seconds
    ledger = layer_ledger(LEAVES, slow, JOULES)
    rows = dict(zip(ledger["op"].tolist(), ledger["energy_j"].tolist(), strict=True))
    assert 0 < rows[BETWEEN] < 10


def test_a_real_model_ranks_its_heavy_layer_first_and_calls_shared_layers_twice():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.heavy, self.light = nn.Linear(512, 512), nn.Linear(512, 16)

        def forward(self, x):
            return self.light(self.heavy(self.heavy(x)).relu())

    ledger = measure_layers(Net().eval(), (torch.zeros(64, 512),), JOULES, burst_s=0.002)
    rows = dict(zip(ledger["op"].tolist(), ledger["energy_j"].tolist(), strict=True))
    assert max(rows, key=rows.__getitem__) == "heavy"
    assert ledger["count"][ledger["op"] == "heavy"] == [2]
    assert ledger.total().energy.value == pytest.approx(10.0)


def test_a_clock_of_ones_own_decides():
    now = [0.0]

    class Costs(nn.Module):
        def __init__(self, seconds: float) -> None:
            super().__init__()
            self.seconds = seconds

        def forward(self, x):
            now[0] += self.seconds
            return x

    model = nn.Sequential(Costs(3.0), Costs(1.0))
    ledger = measure_layers(model, (torch.zeros(1),), JOULES, clock=lambda: now[0])
    rows = dict(zip(ledger["op"].tolist(), ledger["energy_j"].tolist(), strict=True))
    assert rows["0"] == pytest.approx(7.5)
    assert rows["1"] == pytest.approx(2.5)


def test_a_single_layer_has_nothing_to_break_down():
    with pytest.raises(InputError, match="no layers"):
        measure_layers(nn.Linear(2, 2), (torch.zeros(1, 2),), JOULES)
