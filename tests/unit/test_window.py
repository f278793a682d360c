"""Windows on a simulated source whose joules are known: nested, concurrent, and with faults."""

from __future__ import annotations

import math
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from meter_fakes import Clock, FakeSensor, Source, counter, package, power

import picojoule as pj
from picojoule.errors import InputError, MissingError
from picojoule.meter.attribute import CpuClock, share_between
from picojoule.meter.base import Scope
from picojoule.meter.session import cuda_sync, meter
from picojoule.quantity import Evidence


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def source(clock):
    return Source(clock)


def start(*sensors, clock, **options):
    return meter(sensors, clock=clock, background=False, **{"sync": None, **options})


class TestSums:
    def test_a_window_has_the_joules_of_the_source(self, clock, source):
        with start(package(source), clock=clock) as m:
            source.use(3.0, 20.0)
            with m.window("work") as w:
                source.use(5.0, 40.0)
        assert w.energy.value == pytest.approx(5 * 50)
        assert w.power.value == pytest.approx(50)
        assert w.seconds == 5
        assert m.energy.value == pytest.approx(5 * 50 + 3 * 30)
        assert w.energy.evidence is Evidence.MEASURED

    def test_a_thousand_nested_windows(self, clock, source):
        truth, seen = {}, {}
        rng = np.random.default_rng(0)

        def nest(m, depth):
            before = source.joules()
            with m.window(f"w{depth}") as w:
                source.use(rng.uniform(0.01, 0.5), rng.uniform(0, 300))
                if depth % 10:
                    nest(m, depth + 1)
                source.use(rng.uniform(0.01, 0.5), rng.uniform(0, 300))
            truth[depth, id(w)] = source.joules() - before
            seen[depth, id(w)] = w

        with start(package(source), clock=clock) as m:
            for first in range(1, 1001, 10):
                nest(m, first)
        assert len(seen) == 1000
        for key, w in seen.items():
            assert w.energy.value == pytest.approx(truth[key], rel=1e-6)
            assert w.energy.low <= truth[key] <= w.energy.high

    def test_a_thousand_concurrent_windows(self, clock, source):
        """Threads take turns at random; every window still has the joules of its own time."""
        turn, done, ready = threading.Lock(), [], threading.Barrier(20)

        def work(seed, m):
            ready.wait()
            rng = np.random.default_rng(seed)
            for _ in range(50):
                with turn:
                    w = m.window(f"thread {seed}")
                    w.__enter__()
                    before = source.joules()
                for _ in range(3):
                    with turn:
                        source.use(rng.uniform(0.001, 0.1), rng.uniform(0, 500))
                with turn:
                    truth = source.joules() - before
                    w.__exit__(None, None, None)
                done.append((w, truth))

        with start(package(source), clock=clock) as m:
            threads = [threading.Thread(target=work, args=(seed, m)) for seed in range(20)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
        assert len(done) == 1000
        assert all(w.energy.value == pytest.approx(t, rel=1e-6) for w, t in done)
        assert len({w.thread for w, _ in done}) == 20

    def test_windows_in_a_row_sum_to_the_whole(self, clock, source):
        with start(package(source), clock=clock) as m:
            parts = []
            for watts in range(100):
                with m.window("part") as w:
                    source.use(0.3, watts)
                parts.append(w.energy.value)
        assert math.fsum(parts) == pytest.approx(m.energy.value)

    def test_the_counter_wraps_inside_a_window(self, clock, source):
        sensor = FakeSensor(source, {counter("c", wraps_at_j=5000.0): 1.0})
        with start(sensor, clock=clock) as m:
            for _ in range(100):
                source.use(1.0, 190.0)  # 200 W: a wrap every 25 s
                m.sample()
        assert m.energy.value == pytest.approx(100 * 200)
        assert m.ledger().total().coverage == 1

    def test_power_is_integrated_between_samples(self, clock, source):
        with start(FakeSensor(source, {power("gpu:0"): 1.0}), clock=clock) as m:
            for _ in range(50):
                clock.sleep(0.1)
                m.sample()
        assert m.energy.value == pytest.approx(5 * 10)


class TestLedger:
    def test_one_row_per_domain_and_time_once(self, clock, source):
        domains = {counter("rapl:package-0"): 0.6, counter("rapl:dram-0", "dram"): 0.4}
        with start(FakeSensor(source, domains), clock=clock) as m:
            source.use(4.0, 0.0)
        ledger = m.ledger()
        assert list(ledger["component"]) == ["cpu", "dram"]
        assert list(ledger["operand"]) == ["rapl:package-0", "rapl:dram-0"]
        assert ledger.total().energy.value == pytest.approx(40)
        assert ledger.total().time.value == 4
        assert ledger.meta["scope"] == ["cpu (chip)", "dram (chip)"]
        assert pj.Ledger.from_dict(ledger.to_dict()).total().energy.value == pytest.approx(40)

    def test_parts_of_a_domain_are_beside_the_total(self, clock, source):
        core = counter("rapl:core", "cpu", parts_of="rapl:package-0")
        domains = {counter("rapl:package-0"): 1.0, core: 0.8}
        with start(FakeSensor(source, domains), clock=clock) as m:
            source.use(1.0, 0.0)
        assert m.ledger().total().energy.value == pytest.approx(10)
        (part,) = m.ledger().meta["parts"]
        assert part["domain"] == "rapl:core"
        assert part["energy_j"] == pytest.approx(8)

    def test_parts_stand_in_for_a_container_that_cannot_be_read(self, clock, source):
        core = counter("rapl:core", "cpu", parts_of="rapl:package-0")
        denied = lambda name, _: "permission denied" if name == "rapl:package-0" else ""  # noqa: E731
        sensor = FakeSensor(source, {counter("rapl:package-0"): 1.0, core: 0.8}, fault=denied)
        with start(sensor, clock=clock) as m:
            source.use(1.0, 0.0)
        total = m.ledger().total()
        assert total.energy.value == pytest.approx(8)
        assert total.coverage == 0.5
        assert m.ledger().meta["gaps"]["rapl:package-0"]["reasons"] == ["permission denied"]

    def test_the_wall_contains_everything(self, clock, source):
        wall = FakeSensor(source, {counter("plug", "wall", scope=Scope.WALL): 2.0}, name="wall")
        with start(package(source), wall, clock=clock) as m:
            source.use(1.0, 0.0)
        assert m.energy.value == pytest.approx(20)
        assert [p["domain"] for p in m.ledger().meta["parts"]] == ["rapl:package-0"]

    def test_a_model_of_what_is_measured_is_not_counted_again(self, clock, source):
        model = FakeSensor(source, {counter("cputime"): 1.5}, evidence=Evidence.MODELLED)
        with start(package(source), model, clock=clock) as m:
            source.use(1.0, 0.0)
        assert m.energy.value == pytest.approx(10)
        assert m.energy.evidence is Evidence.MEASURED
        assert m.evidence is Evidence.MEASURED

    def test_a_weaker_sensor_weakens_its_rows(self, clock, source):
        model = FakeSensor(source, {counter("cputime"): 1.0}, evidence=Evidence.MODELLED)
        with start(model, clock=clock) as m:
            source.use(1.0, 0.0)
        assert m.ledger().total().energy.evidence is Evidence.MODELLED

    def test_without_any_sensor_nothing_is_zero(self, clock):
        with start(clock=clock) as m:
            clock.sleep(1.0)
        assert m.energy.evidence is Evidence.UNAVAILABLE
        assert math.isnan(m.energy.value)
        assert m.evidence is Evidence.UNAVAILABLE

    def test_idle_is_beside_and_never_subtracted(self, clock, source):
        with start(package(source), clock=clock) as m:
            assert m.idle_power.evidence is Evidence.UNAVAILABLE
            m.idle(2.0, clock.sleep)
            with m.window("work") as w:
                source.use(5.0, 40.0)
        assert w.energy.value == pytest.approx(250)
        assert m.idle_power.value == pytest.approx(10)
        assert m.above_idle(w).value == pytest.approx(200)
        (idle,) = w.ledger().meta["idle"]
        assert idle["power"]["value"] == pytest.approx(10)

    def test_a_sensor_off_by_a_factor_is_off_at_rest_too(self, clock, source):
        model = FakeSensor(source, {counter("cputime"): 1.0}, evidence=Evidence.MODELLED)
        model.error_factors = (0.5, 2.0)
        with start(model, clock=clock) as m:
            m.idle(2.0, clock.sleep)
            with m.window("work") as w:
                source.use(5.0, 40.0)
        assert (w.energy.low, w.energy.high) == pytest.approx((125, 500), rel=0.01)
        above = m.above_idle(w)
        assert (above.low, above.high) == pytest.approx((100, 400), rel=0.01)


class TestFaults:
    def test_one_failed_read_costs_nothing(self, clock, source):
        once = lambda _, t: "I/O error" if t == 1010 else ""  # noqa: E731
        with start(package(source, fault=once), clock=clock) as m:
            for _ in range(20):
                source.use(1.0, 40.0)
                m.sample()
        assert m.energy.value == pytest.approx(20 * 50)
        assert m.ledger().total().coverage == 1

    def test_permission_lost_half_way_is_a_gap(self, clock, source):
        lost = lambda _, t: "permission denied" if t > 1010 else ""  # noqa: E731
        with start(package(source, fault=lost), clock=clock) as m:
            for _ in range(20):
                source.use(1.0, 40.0)
                m.sample()
        ledger = m.ledger()
        assert ledger.total().energy.value == pytest.approx(10 * 50)
        assert ledger.total().coverage == 0.5
        assert list(ledger["kind"]) == ["window", "gap"]
        assert list(ledger["count"]) == pytest.approx([10, 10])
        assert "permission denied" in ledger.meta["gaps"]["rapl:package-0"]["reasons"]

    def test_one_domain_of_two_vanishes(self, clock, source):
        gone = lambda name, _: "gone" if name == "b" else ""  # noqa: E731
        domains = {counter("a"): 1.0, counter("b", "dram"): 1.0}
        with start(FakeSensor(source, domains, fault=gone), clock=clock) as m:
            source.use(1.0, 0.0)
        total = m.ledger().total()
        assert total.energy.value == pytest.approx(10)
        assert total.coverage == 0.5

    def test_a_sensor_that_raises_or_forgets_a_domain_is_a_gap(self, clock, source):
        sensor = package(source)
        sensor.read = lambda: 1 / 0
        silent = FakeSensor(source, {counter("quiet"): 1.0})
        silent.read = lambda: ()
        with start(sensor, silent, clock=clock) as m:
            source.use(1.0, 0.0)
        assert m.energy.evidence is Evidence.UNAVAILABLE
        gaps = m.ledger().meta["gaps"]
        assert "ZeroDivisionError" in gaps["rapl:package-0"]["reasons"][0]
        assert gaps["quiet"]["reasons"] == ["not in the reading"]

    def test_the_body_may_fail(self, clock, source):
        calls = []
        m = start(package(source), clock=clock, sync=lambda: calls.append(1))
        m.__enter__()
        w = m.window("work")

        w.__enter__()
        source.use(1.0, 0.0)
        w.__exit__(KeyError, KeyError(), None)
        m.__exit__(KeyError, KeyError(), None)
        assert w.energy.value == pytest.approx(10)
        assert len(calls) == 2  # at the beginnings; a broken device is not waited for

    def test_misuse_says_what_to_do(self, clock, source):
        m = start(package(source), clock=clock)
        with pytest.raises(InputError, match="isn't running"):
            m.window("early")
        with m, m.window("w") as w:
            pass
        with pytest.raises(InputError, match="entered once"):
            w.__enter__()
        with pytest.raises(InputError, match="entered once"):
            m.__enter__()
        with pytest.raises(InputError, match="period_s"):
            meter((), period_s=0)
        assert m.sensors[0].n_closed == 1


class TestThread:
    def test_a_power_sensor_is_sampled_between_edges(self):
        sensor = FakeSensor(Source(time.monotonic), {power("gpu:0"): 1.0})
        with meter([sensor], period_s=0.005, timeline=True, sync=None) as m:
            deadline = time.monotonic() + 5
            while sensor.n_reads < 10 and time.monotonic() < deadline:
                time.sleep(0.005)
        assert sensor.n_reads >= 10
        assert len(m.traces[0].time_s) == sensor.n_reads
        assert not [t for t in threading.enumerate() if t.name == "pj-meter"]

    def test_how_often_a_domain_needs_reading(self):
        from picojoule.meter.sampler import period_of

        assert period_of([], 0.1, False) == math.inf
        assert period_of([power("p")], 0.1, False) == 0.1
        assert period_of([counter("c")], 0.1, False) == 10
        assert period_of([counter("c", wraps_at_j=4000.0)], 0.1, False) == 1
        assert period_of([counter("c")], 0.1, True) == 0.1


class TestSync:
    def test_cuda_is_waited_for_only_where_it_is_in_use(self, monkeypatch):
        waited = []
        cuda = SimpleNamespace(
            is_initialized=lambda: True,
            device_count=lambda: 3,
            memory_reserved=lambda i: i != 1,
            synchronize=waited.append,
        )
        monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
        cuda_sync()
        assert waited == [0, 2]
        cuda.is_initialized = lambda: False
        cuda_sync()
        assert waited == [0, 2]
        monkeypatch.delitem(sys.modules, "torch")
        cuda_sync()

    def test_the_hook_runs_before_both_ends(self, clock, source):
        order = []
        sensor = package(source)
        read = sensor.read
        sensor.read = lambda: order.append("read") or read()
        with start(sensor, clock=clock, sync=lambda: order.append("sync")) as m, m.window("w"):
            order.append("body")
        body = order.index("body")
        assert order[body - 2 : body + 3] == ["sync", "read", "body", "sync", "read"]


class TestShare:
    def tree(self, root, own=0, child=0, other=0, idle=0):
        """/proc of one process with a child, one other process, and the machine's sum."""
        for pid, parent, ticks in ((10, 1, own), (11, 10, child), (20, 1, other)):
            folder = root / f"proc/{pid}"
            folder.mkdir(parents=True, exist_ok=True)
            times = f"{ticks} 0 0 0"
            (folder / "stat").write_text(f"{pid} (a) b) (c) S {parent} {'0 ' * 9}{times} 0\n")
        total = own + child + other
        (root / "proc/stat").write_text(f"cpu {total} 0 0 {idle} 0 0 0 0 0 0\ncpu0 1\n")
        return root

    def test_of_a_process_tree(self, tmp_path):
        clock = CpuClock(pid=10, root=self.tree(tmp_path), ticks_per_s=100)
        begin = clock.read()
        self.tree(tmp_path, own=4000, child=2000, other=2000, idle=8000)
        share = share_between(begin, clock.read())
        assert share.fraction == pytest.approx(0.75)
        assert share.low == pytest.approx((60 - 0.02) / 160)
        assert share.high == pytest.approx((60 + 0.02) / 80)
        assert clock.read().others_since(begin) == pytest.approx((20 - 0.02) / 160)

    def test_of_a_container(self, tmp_path):
        self.tree(tmp_path)
        (tmp_path / "proc/self").mkdir()
        (tmp_path / "proc/self/cgroup").write_text("0::/pod/one\n")
        folder = tmp_path / "sys/fs/cgroup/pod/one"
        folder.mkdir(parents=True)
        (folder / "cpu.stat").write_text("usage_usec 0\nuser_usec 0\n")
        clock = CpuClock("container", root=tmp_path, ticks_per_s=100)
        begin = clock.read()
        (folder / "cpu.stat").write_text("usage_usec 30000000\nuser_usec 0\n")
        self.tree(tmp_path, other=6000, idle=6000)
        assert share_between(begin, clock.read()).fraction == pytest.approx(0.5)

    def test_unreadable_is_unknown(self, tmp_path):
        clock = CpuClock(pid=10, root=tmp_path)
        share = share_between(clock.read(), clock.read())
        assert math.isnan(share.fraction)
        assert math.isnan(clock.read().others_since(clock.read()))
        assert CpuClock("container", root=tmp_path).read().own_s is None

    def test_rows_of_the_cpu_are_shared_and_calibrated_at_best(self, clock, source, tmp_path):
        domains = {counter("cpu"): 1.0, counter("gpu", "gpu"): 1.0}
        with start(FakeSensor(source, domains), clock=clock) as m:
            source.use(8.0, 0.0)
        cpu = CpuClock(pid=10, root=self.tree(tmp_path), ticks_per_s=100)
        begin = cpu.read()
        self.tree(tmp_path, own=6000, other=2000)
        ledger = share_between(begin, cpu.read()).of_ledger(m.ledger())
        assert ledger["energy_j"][0] == pytest.approx(0.75 * 80)
        assert ledger["evidence"][0] == Evidence.CALIBRATED
        assert ledger["evidence"][1] == Evidence.UNAVAILABLE
        assert ledger.total().coverage == 0.5

    def test_a_window_shares_when_asked(self, clock, source):
        with start(package(source), clock=clock, share="process") as m:
            with m.window("w") as w:
                sum(range(100_000))
                source.use(1.0, 0.0)
            assert w.share().of.startswith("process tree")
        with (
            start(package(source), clock=clock) as m,
            m.window("w") as w,
            pytest.raises(MissingError, match="not read"),
        ):
            w.share()
