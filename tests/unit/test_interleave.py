"""time_interleaved on made-up workers whose true cost is known, with a clock that they advance."""

from __future__ import annotations

import math

import numpy as np
import pytest

from picojoule.meter import CallTime, Timing, ratio, time_interleaved
from picojoule.quantity import Evidence


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Fake:
    """A worker whose calls take wall_s, give or take noise, and twice that of CPU time."""

    def __init__(self, clock, wall_s, *, noise=0.01, busy=0.0, cold_calls=0, wait=True, seed=0):
        self.clock, self.wall_s, self.noise, self.busy = clock, wall_s, noise, busy
        self.cold_calls, self.wait = cold_calls, wait
        self.rng = np.random.default_rng(seed)
        self.n_bursts = 0

    def burst(self, n):
        self.n_bursts += 1
        contended = self.rng.random() < self.busy
        return [self._call(contended) for _ in range(n)]

    def _call(self, contended):
        wall_s = self.wall_s * (1 + self.noise * self.rng.standard_normal())
        if self.cold_calls > 0:
            self.cold_calls -= 1
            wall_s *= 10
        cpu_s, wait_s = 2 * wall_s, 0.0
        if contended:  # the neighbour takes a core: slower, and threads queue
            wall_s, wait_s = 3 * wall_s, wall_s
        self.clock.now_s += wall_s
        return CallTime(wall_s, cpu_s, wait_s if self.wait else None)


def run(budget_s=60.0, **options) -> tuple[dict[str, Timing], dict[str, Fake]]:
    clock = Clock()
    workers = {
        name: Fake(clock, seed=i, **options.pop(name)) for i, name in enumerate(("slow", "fast"))
    }
    return time_interleaved(workers, budget_s=budget_s, clock=clock, **options), workers


def test_known_medians_are_recovered():
    timings, _ = run(slow={"wall_s": 0.020}, fast={"wall_s": 0.005}, target_relative=0.02)
    for name, wall_s in (("slow", 0.020), ("fast", 0.005)):
        timing = timings[name]
        assert timing.conclusive
        assert timing.reason == ""
        assert timing.wall_s.evidence is Evidence.MEASURED
        assert timing.wall_s.unit == timing.cpu_s.unit == "s"
        assert timing.wall_s.value == pytest.approx(wall_s, rel=0.01)
        assert timing.cpu_s.value == pytest.approx(2 * wall_s, rel=0.01)
        assert timing.wall_s.low <= timing.wall_s.value <= timing.wall_s.high
        assert timing.n_calls == max(5, round(0.040 / wall_s)) * timing.n_bursts


def test_ratio_is_paired_and_finds_the_gain():
    timings, _ = run(slow={"wall_s": 0.020}, fast={"wall_s": 0.005})
    for metric in ("cpu_s", "wall_s"):
        gain = ratio(timings["slow"], timings["fast"], of=metric)
        assert gain.value == pytest.approx(4.0, rel=0.02)
        assert gain.low <= gain.value <= gain.high


def test_ratio_survives_a_drift_that_ruins_the_medians():
    clock = Clock()

    class Drifting(Fake):
        def _call(self, contended):
            self.wall_s = self.base_s * (1 + self.clock.now_s / 10)
            return super()._call(contended)

    workers = {"slow": Drifting(clock, 0.02), "fast": Drifting(clock, 0.01, seed=1)}
    workers["slow"].base_s, workers["fast"].base_s = 0.02, 0.01
    timings = time_interleaved(workers, budget_s=30.0, target_relative=0.001, clock=clock)
    gain = ratio(timings["slow"], timings["fast"])
    assert not timings["slow"].conclusive
    assert gain.value == pytest.approx(2.0, rel=0.05)
    assert (gain.high - gain.low) / gain.value < 0.05


def test_the_same_model_twice_has_a_ratio_of_one_inside_the_interval():
    timings, _ = run(slow={"wall_s": 0.01}, fast={"wall_s": 0.01}, target_relative=0.01)
    gain = ratio(timings["slow"], timings["fast"])
    assert gain.low <= 1.0 <= gain.high


def test_contended_bursts_are_dropped_and_counted():
    timings, _ = run(slow={"wall_s": 0.020, "busy": 0.5}, fast={"wall_s": 0.005})
    slow = timings["slow"]
    assert slow.conclusive
    assert slow.n_dropped > 0
    assert slow.wall_s.value == pytest.approx(0.020, rel=0.02)  # three times that if not dropped


def test_a_busy_machine_is_inconclusive_and_says_why():
    timings, _ = run(budget_s=5.0, slow={"wall_s": 0.02, "busy": 1.0}, fast={"wall_s": 0.005})
    slow = timings["slow"]
    assert not slow.conclusive
    assert slow.n_bursts == slow.n_calls == 0
    assert slow.n_dropped >= 3
    assert "the machine is busy" in slow.reason
    assert slow.cpu_s.evidence is Evidence.UNAVAILABLE
    assert math.isnan(slow.cpu_s.value)
    assert ratio(slow, timings["fast"]).evidence is Evidence.UNAVAILABLE


def test_too_small_a_budget_is_inconclusive():
    timings, _ = run(budget_s=0.0, slow={"wall_s": 0.02}, fast={"wall_s": 0.005})
    assert not timings["slow"].conclusive
    assert timings["slow"].n_bursts == 1
    assert "give it more time" in timings["slow"].reason


def test_a_noisy_worker_is_inconclusive_with_its_interval():
    timings, _ = run(budget_s=2.0, slow={"wall_s": 0.02, "noise": 0.5}, fast={"wall_s": 0.005})
    assert not timings["slow"].conclusive
    assert "±5.0% asked" in timings["slow"].reason


def test_warm_up_is_not_timed():
    timings, _ = run(slow={"wall_s": 0.02, "cold_calls": 10}, fast={"wall_s": 0.005})
    assert timings["slow"].wall_s.value == pytest.approx(0.02, rel=0.02)
    assert all(call is None or call.wall_s < 0.03 for call in timings["slow"].rounds)


def test_without_run_queue_counters_nothing_is_dropped():
    timings, _ = run(slow={"wall_s": 0.02, "wait": False}, fast={"wall_s": 0.005})
    assert timings["slow"].conclusive
    assert timings["slow"].n_dropped == 0
    assert timings["slow"].rounds[0].wait_s is None


def test_it_stops_as_soon_as_all_are_conclusive():
    _, workers = run(slow={"wall_s": 0.02, "noise": 0.0}, fast={"wall_s": 0.005, "noise": 0.0})
    assert workers["slow"].n_bursts == workers["fast"].n_bursts == 2 + 6  # warm-up, then rounds


def test_same_seed_same_answer_and_the_order_varies():
    seen = []

    class Spy(Fake):
        def burst(self, n):
            seen.append(self.wall_s)
            return super().burst(n)

    def once(seed):
        seen.clear()
        clock = Clock()
        workers = {"a": Spy(clock, 0.01), "b": Spy(clock, 0.02, seed=1)}
        return time_interleaved(workers, budget_s=10.0, seed=seed, clock=clock), list(seen)

    first, second = once(3), once(3)
    assert first == second
    order = first[1][4:]  # after the warm-up
    assert {tuple(order[i : i + 2]) for i in range(0, len(order), 2)} == {
        (0.01, 0.02),
        (0.02, 0.01),
    }


def test_on_round_reports_progress():
    rounds = []
    run(
        slow={"wall_s": 0.02},
        fast={"wall_s": 0.005},
        on_round=lambda n, timings: rounds.append((n, sorted(timings))),
    )
    assert rounds[0] == (1, ["fast", "slow"])
    assert [n for n, _ in rounds] == list(range(1, len(rounds) + 1))


def test_no_workers_no_timings():
    assert time_interleaved({}, budget_s=1.0) == {}
