"""Steps, epochs and the prediction of a run, on a simulated source; and the trainers' callbacks."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from meter_fakes import Clock, FakeSensor, Source, counter

from picojoule.errors import Inconclusive, InputError, MissingExtra
from picojoule.meter.callbacks import lightning_callback, samples_in, transformers_callback
from picojoule.meter.session import meter
from picojoule.quantity import Evidence


class Training:
    """Steps of about 0.05 s at 110 W, with noise that lasts a few steps."""

    def __init__(self, seed=0, noise=0.1, cold=10, **options):
        self.clock = Clock()
        self.source = Source(self.clock)
        self.rng = np.random.default_rng(seed)
        self.noise, self.cold, self.n, self.state = noise, cold, 0, 0.0
        sensor = FakeSensor(self.source, {counter("c"): 1.0}, **options)
        self.meter = meter([sensor], clock=self.clock, background=False, sync=None)

    def step(self, samples=32):
        self.state = 0.9 * self.state + self.noise * self.rng.standard_normal()
        slow = 5 if self.n < self.cold else 1
        self.source.use(0.05 * slow * float(np.exp(self.state)), 100.0)
        self.n += 1
        self.meter.step(samples)


def test_joules_per_step_sample_and_epoch():
    t = Training(noise=0.02)
    with t.meter as m:
        for _ in range(3):
            for _ in range(200):
                t.step()
            t.source.use(1.0, 100.0)  # an evaluation
            m.epoch()
    assert m.steps.count == 600
    truth_j = 5.5 + 110 / 200  # the evaluations are part of the bill
    assert m.steps.per_step.low <= truth_j <= m.steps.per_step.high
    assert m.steps.per_step.value == pytest.approx(truth_j, rel=0.05)
    assert m.steps.per_sample.value == pytest.approx(m.steps.per_step.value / 32)
    assert m.steps.per_epoch.value == pytest.approx(200 * 5.5 + 110, rel=0.15)
    assert m.steps.per_step.evidence is Evidence.MEASURED


def test_blocks_sum_to_the_run():
    t = Training()
    with t.meter as m:
        for _ in range(500):
            t.step()
    assert sum(b.energy.value for b in m.steps.blocks) == pytest.approx(m.energy.value)
    assert sum(b.steps for b in m.steps.blocks) == 500
    assert len(m.steps.blocks) < 40  # not a read per step


def test_the_run_is_predicted_within_its_interval():
    hits, widths = 0, []
    for seed in range(60):
        t = Training(seed, noise=0.05, cold=3)
        with t.meter as m:
            for _ in range(300):
                t.step()
            found = m.steps.predict(3000)
            for _ in range(2700):
                t.step()
        hits += found.total.low <= m.energy.value <= found.total.high
        widths.append((found.total.high - found.total.low) / 2 / m.energy.value)
    assert hits >= 54  # 95% of 60 is 57
    assert np.median(widths) < 0.15
    assert found.total.evidence is Evidence.CALIBRATED
    assert found.seconds.low <= m.seconds <= found.seconds.high
    assert found.to_dict()["steps"] == 3000


def test_prediction_of_a_finished_run_is_what_it_spent():
    t = Training()
    with t.meter as m:
        for _ in range(300):
            t.step()
    found = m.steps.predict(300)
    assert found.total.value == pytest.approx(m.energy.value)


def test_too_few_steps_are_refused():
    t = Training()
    with t.meter as m:
        for _ in range(12):
            t.step()
        with pytest.raises(Inconclusive, match="too few steps"):
            m.steps.predict(1000)
        m.epoch()
        with pytest.raises(InputError, match="without steps"):
            m.epoch()


def test_blocks_with_a_gap_are_not_in_the_rate():
    lost = lambda _, s: "I/O error" if 1005 < s < 1009 else ""  # noqa: E731
    t = Training(noise=0.0, cold=0, fault=lost)
    with t.meter as m:
        for _ in range(300):
            t.step()
    assert m.steps.per_step.value == pytest.approx(5.5, rel=0.01)


def test_without_sensors_nothing_is_zero():
    clock = Clock()
    with meter([], clock=clock, background=False, sync=None) as m:
        for _ in range(100):
            clock.sleep(0.1)
            m.step()
    assert m.steps.per_step.evidence is Evidence.UNAVAILABLE


def test_long_runs_keep_few_blocks(monkeypatch):
    monkeypatch.setattr("picojoule.meter.training._KEPT_BLOCKS", 20)
    t = Training(noise=0.0, cold=0)
    with t.meter as m:
        for _ in range(3000):
            t.step()
    assert len(m.steps.blocks) <= 20
    assert sum(b.steps for b in m.steps.blocks) == 3000
    assert sum(b.energy.value for b in m.steps.blocks) == pytest.approx(m.energy.value)


class Base:
    """What a trainer's callback class offers, for these tests."""


@pytest.fixture
def trainers(monkeypatch):
    transformers, lightning = ModuleType("transformers"), ModuleType("lightning.pytorch")
    transformers.TrainerCallback = lightning.Callback = Base
    monkeypatch.setitem(sys.modules, "transformers", transformers)
    monkeypatch.setitem(sys.modules, "lightning", ModuleType("lightning"))
    monkeypatch.setitem(sys.modules, "lightning.pytorch", lightning)


def test_transformers_callback(trainers):
    t = Training(noise=0.0)
    callback = transformers_callback(t.meter)
    assert isinstance(callback, Base)
    arguments = SimpleNamespace(train_batch_size=4, gradient_accumulation_steps=2)
    callback.on_train_begin(arguments, None, None)
    for _ in range(100):
        t.source.use(0.05, 100.0)
        callback.on_step_end(arguments, None, None)
    logs = {}
    callback.on_log(arguments, None, None, logs=logs)
    callback.on_epoch_end(arguments, None, None)
    callback.on_train_end(arguments, None, None)
    assert logs["energy_j"] == pytest.approx(550)
    assert logs["energy_per_step_j"] == pytest.approx(5.5)
    assert t.meter.steps.per_sample.value == pytest.approx(5.5 / 8)
    assert not t.meter.running


def test_lightning_callback(trainers):
    t = Training(noise=0.0)
    callback = lightning_callback(t.meter)
    logged = {}
    module = SimpleNamespace(log_dict=logged.update)
    with t.meter:  # the caller's own block: the callback leaves it running
        callback = lightning_callback(t.meter)
        callback.on_train_start(None, None)
        for _ in range(100):
            t.source.use(0.05, 100.0)
            callback.on_train_batch_end(None, None, None, np.ones((16, 3)), 0)
        callback.on_train_epoch_end(None, module)
        callback.on_train_end(None, None)
        assert t.meter.running
    assert logged["energy_j"] == pytest.approx(550)
    assert t.meter.steps.per_sample.value == pytest.approx(5.5 / 16)


def test_a_failed_training_ends_the_meter(trainers):
    t = Training()
    callback = lightning_callback(t.meter)
    callback.on_train_start(None, None)
    callback.on_exception(None, None, ValueError())
    callback.on_exception(None, None, ValueError())
    assert not t.meter.running


def test_missing_trainers_say_their_pip_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.setitem(sys.modules, "lightning.pytorch", None)
    with pytest.raises(MissingExtra, match="transformers"):
        transformers_callback()
    with pytest.raises(MissingExtra, match="lightning"):
        lightning_callback()


def test_samples_in_a_batch():
    assert samples_in({"x": np.ones((5, 2))}) == 5
    assert samples_in((np.ones((4, 2)), np.ones(4))) == 4
    assert samples_in([]) == 1
    assert samples_in("text") == 1
