"""The watts model: its physics here, and its errors where the public data set is at hand.

PICOJOULE_DATA names the folder that has cpu_load_vs_rapl/.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picojoule.errors import InputError
from picojoule.meter.cpu_watts import (
    CpuFacts,
    busy,
    constants,
    cpu_clock,
    cpu_facts,
    cpu_watts,
    error_factors,
)
from picojoule.quantity import Evidence

DATA = Path(os.environ.get("PICOJOULE_DATA", Path(__file__).parents[3] / "shared/data"))
DATA /= "cpu_load_vs_rapl"
XEON = CpuFacts(tdp_w=85.0, cores=6, threads=12, node_nm=22)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.4, 6))
def test_power_rises_with_load_and_clock(a, b, ghz):
    low, high = sorted((a, b))
    assert 0 < cpu_watts(XEON, low, ghz).power_w <= cpu_watts(XEON, high, ghz).power_w
    assert cpu_watts(XEON, high, ghz).power_w <= cpu_watts(XEON, high, ghz * 1.1).power_w


def test_idle_is_static_power_alone():
    idle = cpu_watts(XEON, 0.0, 1.2)
    assert idle.dynamic_w == 0
    assert idle.power_w == pytest.approx(6 * constants()["curve"]["core_w"])


def test_busy_is_the_chance_that_a_core_runs_something():
    assert busy(0.5, 1) == 0.5
    assert busy(0.5, 2) == 0.75
    assert (busy(-1, 2), busy(2, 2)) == (0, 1)


def test_unknown_node_and_clock_take_the_reference():
    assert cpu_watts(CpuFacts(85, 6, 12), 0.5) == cpu_watts(CpuFacts(85, 6, 12, 14.0), 0.5, 3.0)


def test_the_interval_holds_the_model_and_is_wider_without_a_tdp():
    low, high = error_factors(XEON)
    assert low < 1 < high
    guessed = error_factors(CpuFacts(85, 6, 12, tdp_known=False))
    assert guessed[0] < low
    assert guessed[1] > high


def cpuinfo(root: Path, vendor: str, family: int, model: int, sockets: int = 1) -> Path:
    block = (
        "processor\t: {}\nvendor_id\t: {}\ncpu family\t: {}\nmodel\t\t: {}\n"
        "cpu MHz\t\t: 2400.000\nphysical id\t: {}\ncore id\t\t: {}\n"
    )
    cpus = [(s, c) for _ in range(2) for s in range(sockets) for c in range(6)]
    blocks = [block.format(i, vendor, family, model, s, c) for i, (s, c) in enumerate(cpus)]
    (root / "proc").mkdir()
    (root / "proc/cpuinfo").write_text("\n".join(blocks))
    return root


def test_facts_of_two_sockets(tmp_path):
    facts = cpu_facts(cpuinfo(tmp_path, "GenuineIntel", 6, 0x3F, sockets=2), tdp_w=170)
    assert facts == CpuFacts(170, 12, 24, 22.0)
    assert facts.evidence is Evidence.MODELLED
    assert cpu_clock(tmp_path)() == pytest.approx(2.4)


@pytest.mark.parametrize(
    ("vendor", "family", "model", "node_nm"),
    [
        ("AuthenticAMD", 0x17, 0x01, 14), ("AuthenticAMD", 0x19, 0xA0, 5),
        ("GenuineIntel", 6, 0x3A, 22), ("GenuineIntel", 6, 0xFF, None), ("Other", 6, 0x3A, None),
    ],
)  # fmt: skip
def test_node_by_family_and_model(tmp_path, vendor, family, model, node_nm):
    assert cpu_facts(cpuinfo(tmp_path, vendor, family, model)).node_nm == node_nm


def test_tdp_from_the_constraint_that_anybody_may_read(tmp_path):
    cpuinfo(tmp_path, "GenuineIntel", 6, 0x3F)
    assert cpu_facts(tmp_path).evidence is Evidence.ASSUMED
    zone = tmp_path / "sys/class/powercap/intel-rapl:0"
    zone.mkdir(parents=True)
    (zone / "name").write_text("package-0\n")
    (zone / "constraint_0_max_power_uw").write_text("85000000\n")
    facts = cpu_facts(tmp_path)
    assert (facts.tdp_w, facts.tdp_known) == (85.0, True)


def test_clock_from_cpufreq_comes_first(tmp_path):
    cpuinfo(tmp_path, "GenuineIntel", 6, 0x3F)
    policy = tmp_path / "sys/devices/system/cpu/cpufreq/policy0"
    policy.mkdir(parents=True)
    (policy / "scaling_cur_freq").write_text("1200000\n")
    assert cpu_clock(tmp_path)() == pytest.approx(1.2)


def test_nothing_to_read_and_nonsense(tmp_path):
    assert cpu_facts(tmp_path) is None
    assert cpu_clock(tmp_path)() is None
    with pytest.raises(InputError, match="TDP"):
        cpu_facts(tmp_path, tdp_w=-1)


@pytest.mark.skipif(
    not DATA.is_dir(), reason="codecarbon's CPU load data is not here: set PICOJOULE_DATA"
)
def test_leave_one_cpu_out_is_below_20_percent(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    import cpu_watts as benchmark
    import numpy as np

    try:
        points = benchmark.read(DATA)
        true_w = np.array([p.true_w for p in points])
        predicted, _ = benchmark.leave_one_out(points, {"node", "clock"}, true_w)
        assert np.abs(predicted / true_w - 1).mean() < 0.20
        assert benchmark.lateness(points) == pytest.approx(1.0, abs=0.02)
        ours = benchmark.fit(benchmark.design(points, {"node", "clock"}), true_w)
        curve = constants()["curve"]
        assert ours == pytest.approx([curve["core_w"], curve["tdp_share"]], rel=0.01)
        benchmark.report(points, io.StringIO())
    finally:
        sys.modules.pop("cpu_watts", None)
