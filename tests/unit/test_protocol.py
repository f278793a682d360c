"""pj.measure and compare_calls on simulated work whose joules per call are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from meter_fakes import Clock, FakeSensor, Source, counter, power

from picojoule.errors import Inconclusive, InputError, MissingError
from picojoule.meter.pairs import compare_calls
from picojoule.meter.protocol import measure
from picojoule.meter.robust import median_interval, sign_test, trend
from picojoule.meter.session import meter
from picojoule.quantity import Evidence


class Work:
    """A machine with a package sensor, and a function that draws 40 W above idle for 5 ms."""

    def __init__(self, *, noise=0.0, drift=0.0, cold=0, seed=0, sensors=(), **options):
        self.clock = Clock()
        self.source = Source(self.clock)
        self.rng = np.random.default_rng(seed)
        self.noise, self.drift, self.cold = noise, drift, cold
        self.n = 0
        package = FakeSensor(self.source, {counter("rapl:package-0"): 1.0}, **options)
        self.meter = meter([package, *sensors], clock=self.clock, background=False, sync=None)

    def __call__(self):
        factor = 1 + self.noise * self.rng.standard_normal() + self.drift * self.n
        factor *= 10 if self.n < self.cold else 1
        self.n += 1
        self.source.use(0.005 * max(factor, 0.1), 40.0)

    def measure(self, **options):
        return measure(self, meter=self.meter, sleep=self.clock.sleep, **options)


class TestMeasure:
    def test_joules_per_call_are_recovered(self):
        found = Work(noise=0.05).measure(relative=0.02)
        assert found.conclusive, found.reason
        assert found.reason == ""
        assert found.energy.low <= 0.25 <= found.energy.high
        assert found.energy.value == pytest.approx(0.25, rel=0.02)
        assert found.time.value == pytest.approx(0.005, rel=0.02)
        assert found.power.value == pytest.approx(50, rel=0.01)
        assert found.energy.evidence is Evidence.MEASURED
        assert found.state.startswith("steady")
        assert found.or_refuse() is found

    def test_idle_is_beside(self):
        found = Work().measure()
        assert found.idle.value == pytest.approx(10)
        assert found.energy.value == pytest.approx(0.25)
        assert found.above_idle.value == pytest.approx(0.2)
        assert Work().measure(idle_s=0).above_idle.evidence is Evidence.UNAVAILABLE

    def test_the_interval_covers_the_truth(self):
        hits = 0
        for seed in range(100):
            found = Work(noise=0.5, seed=seed).measure(relative=0.05, idle_s=0)
            hits += found.energy.low <= 0.25 <= found.energy.high
        assert hits >= 93

    def test_warm_up_is_left_out(self):
        found = Work(cold=10).measure(relative=0.02)
        assert found.energy.value == pytest.approx(0.25, rel=0.01)

    def test_more_noise_takes_more_repeats_and_a_budget_ends_it(self):
        quiet, loud = (Work(noise=n).measure(relative=0.01) for n in (0.01, 0.5))
        assert quiet.n_repeats < loud.n_repeats
        found = Work(noise=3.0).measure(relative=0.001, budget_s=5)
        assert not found.conclusive
        assert "±0.1% asked" in found.reason
        assert "more time" in found.reason
        with pytest.raises(Inconclusive) as error:
            found.or_refuse()
        assert error.value.exit_code == 3

    def test_windows_have_ten_ticks_of_the_counter(self):
        """A counter that ticks every 0.1 s: a window of one call would be mostly error."""
        work = Work()
        sensor = work.meter.sensors[0]
        read = sensor.read

        def slow():
            now_s = work.clock.now_s
            work.clock.now_s = math.floor(now_s * 10) / 10
            joules = read()[0].value
            work.clock.now_s = now_s
            return (type(read()[0])("rapl:package-0", now_s, joules),)

        work.source.joules = lambda: 10 * (work.clock() - 1000) + 40 * max(0, work.clock() - 1000)
        sensor.read = slow
        found = work.measure(relative=0.05)
        shortest = min(w.seconds for w in found.repeats)
        assert shortest >= 0.9
        assert found.energy.value == pytest.approx(0.25, rel=0.05)

    def test_drift_is_told(self):
        found = Work(drift=2e-4, noise=0.001).measure(relative=0.01, budget_s=10)
        assert not found.conclusive
        assert found.state.startswith("drifting: +")
        assert "calls slow down too" in found.reason

    def test_drift_that_ends_is_left_out(self):
        work = Work(noise=0.002)
        call = work.__call__

        def heating():
            work.drift = 0 if work.n > 400 else -1e-3
            if work.n > 400:
                work.noise = 0.002
            call()

        found = measure(heating, meter=work.meter, sleep=work.clock.sleep, relative=0.02)
        assert found.conclusive
        assert found.energy.value == pytest.approx(0.25, rel=0.02)

    def test_a_weak_sensor_is_said_to_be_weak(self):
        work = Work(evidence=Evidence.MODELLED)
        with pytest.raises(MissingError, match="too weak") as error:
            work.measure(require=Evidence.MEASURED)
        assert error.value.exit_code == 4

    def test_an_inexact_sensor_is_not_conclusive_however_many_repeats(self):
        work = Work()
        gpu = FakeSensor(work.source, {power("gpu:0", resolution_j=20.0): 1.0})
        work = Work(sensors=[gpu])
        gpu.source = work.source
        found = work.measure(relative=0.05)
        assert not found.conclusive
        assert "sensor leaves" in found.reason
        assert found.spread < 0.05

    def test_no_sensor_says_what_is_missing(self):
        clock = Clock()
        none = FakeSensor(Source(clock), {}, missing=("no RAPL: modprobe intel_rapl_msr",))
        m = meter([none], clock=clock, background=False, sync=None)
        with pytest.raises(MissingError, match="modprobe"):
            measure(lambda: clock.sleep(0.01), meter=m, sleep=clock.sleep)

    def test_windows_with_a_gap_are_dropped(self):
        bad = lambda _, t: "I/O error" if 1004 < t < 1006 or t > 1030 else ""  # noqa: E731
        found = Work(fault=bad, noise=0.3).measure(relative=0.0001, budget_s=20)
        assert found.n_dropped > 0
        assert found.energy.value == pytest.approx(0.25, rel=0.05)
        assert any("gap" in note for note in found.notes)

    def test_too_few_calls_are_refused(self):
        clock = Clock()
        source = Source(clock)
        sensor = FakeSensor(source, {counter("c"): 1.0})
        m = meter([sensor], clock=clock, background=False, sync=None)
        with pytest.raises(Inconclusive, match="too few usable windows"):
            measure(lambda: source.use(20.0, 1.0), meter=m, sleep=clock.sleep, budget_s=30)

    def test_the_ledger_sums_to_the_headline(self):
        work = Work(noise=0.1)
        dram = FakeSensor(work.source, {counter("rapl:dram-0", "dram"): 0.25})
        work.meter = meter(
            [*work.meter.sensors, dram], clock=work.clock, background=False, sync=None
        )
        found = work.measure()
        total = found.ledger.total()
        assert total.energy.value == pytest.approx(found.energy.value)
        assert total.energy.low == pytest.approx(found.energy.low)
        assert total.time.value == pytest.approx(found.time.value)
        assert found.ledger["energy_j"][1] == pytest.approx(0.2 * found.energy.value, rel=0.01)
        assert found.ledger.meta["idle"]

    def test_the_document_has_only_json(self):
        import json

        document = Work().measure().to_dict()
        assert document["schema"] == "picojoule/measure/1"
        json.dumps(document, allow_nan=False)

    def test_a_bad_plan_is_an_input_error(self):
        for plan in ({"relative": 0}, {"budget_s": 0}, {"idle_s": -1}):
            with pytest.raises(InputError):
                Work().measure(**plan)

    def test_a_busy_machine_is_seen(self, monkeypatch):
        """Windows in which others used the CPU are dropped, and the reason is told."""
        from picojoule.meter.attribute import CpuTimes

        work = Work(noise=0.2)

        class Busy:
            def read(self):
                now = work.clock.now_s
                others = 0.5 * max(0.0, min(now - 1003, 4))
                return CpuTimes("us", 0.5 * now, 0.5 * now + others, 2 * now, 0.0)

        work.meter._sampler._cpu = Busy()
        found = work.measure(relative=0.001, budget_s=10)
        assert found.n_dropped > 0
        assert any("other processes were busy" in note for note in found.notes)


class TestCompare:
    def compare(self, factor, *, noise=0.1, seed=0, **options):
        work = Work(noise=noise, seed=seed)
        other = lambda: work.source.use(  # noqa: E731
            0.005 * factor * max(0.1, 1 + noise * work.rng.standard_normal()), 40.0
        )
        return compare_calls(
            work, other, meter=work.meter, sleep=work.clock.sleep, seed=seed, **options
        )

    def test_a_saving_is_found(self):
        found = self.compare(0.9)
        assert found.answer == "less"
        assert found.ratio.low <= 0.9 <= found.ratio.high
        assert found.ratio.value == pytest.approx(0.9, rel=0.02)
        assert found.p_value < 0.05
        assert found.or_refuse() is found
        assert self.compare(1.2).answer == "more"

    def test_no_difference_is_an_answer(self):
        assert self.compare(1.0, noise=0.02).answer == "same"

    def test_a_difference_too_small_to_see_is_refused(self):
        found = self.compare(1.001, noise=2.0, relative=0.0005, budget_s=5)
        assert found.answer == "inconclusive"
        with pytest.raises(Inconclusive, match="can't tell"):
            found.or_refuse()

    def test_equal_work_is_seldom_called_different(self):
        wrong = sum(
            self.compare(1.0, noise=0.5, seed=s, relative=0.002, budget_s=8).answer
            in ("less", "more")
            for s in range(60)
        )
        assert wrong <= 6  # 5% of 60 is 3

    def test_drift_falls_on_both(self):
        work = Work(drift=2e-4)
        found = compare_calls(work, work, meter=work.meter, sleep=work.clock.sleep, relative=0.02)
        assert found.answer == "same"


class TestRobust:
    def test_median_intervals_are_exact_order_statistics(self):
        # Hahn & Meeker's table: for n = 10 the 2nd and 9th value cover the median with 97.9%.
        assert median_interval(range(1, 11)) == (5.5, 2, 9)
        assert median_interval(range(1, 7)) == (3.5, 1, 6)
        assert median_interval(range(1, 21))[1:] == (6, 15)
        assert math.isnan(median_interval(range(5))[1])

    def test_sign_test_against_scipy(self):
        from scipy.stats import binomtest

        for plus, minus in ((6, 0), (10, 3), (7, 7), (1, 12)):
            ours = sign_test([1.0] * plus + [-1.0] * minus + [0.0])
            assert ours == pytest.approx(binomtest(plus, plus + minus).pvalue)

    def test_trend(self):
        rng = np.random.default_rng(0)
        flat = [trend(1 + 0.01 * rng.standard_normal(20)).p_value < 0.01 for _ in range(500)]
        assert np.mean(flat) <= 0.02
        rising = trend(np.linspace(1, 1.2, 30) + 0.01 * rng.standard_normal(30))
        assert rising.p_value < 1e-6
        assert rising.relative == pytest.approx(0.2 / 1.1, rel=0.1)
        assert trend([1, 2, 3]).p_value == 1
