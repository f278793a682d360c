"""pj doctor: what it says of a machine with a sensor, without one, and with a broken one."""

from __future__ import annotations

import json
import sys
import time
from types import SimpleNamespace

import pytest
from meter_fakes import Clock, FakeSensor, Source, counter

from picojoule.cli import run
from picojoule.errors import MissingError
from picojoule.meter.checkup import doctor, virtual_machine
from picojoule.quantity import Evidence
from published_schema import validate


class Machine:
    def __init__(self, sensors=None, **options):
        self.clock = Clock()
        self.source = Source(self.clock)
        made = FakeSensor(self.source, {counter("rapl:package-0"): 1.0}, **options)
        self.sensors = [made] if sensors is None else sensors

    def doctor(self, **options):
        return doctor(
            self.sensors, clock=self.clock, sleep=self.clock.sleep,
            spin=lambda s: self.source.use(s, 30.0), root="/nonexistent", **options,
        )  # fmt: skip


def test_a_measured_machine():
    found = Machine().doctor(seconds=10)
    assert found.evidence is Evidence.MEASURED
    assert found.verdict == "energy is measured here: cpu (chip)"
    assert found.seconds == pytest.approx(10, rel=0.1)
    (domain,) = found.sensors[0].domains
    assert domain.idle.value == pytest.approx(10)
    assert domain.load.value == pytest.approx(40)
    assert domain.tick_s == pytest.approx(0.001)
    assert domain.problem == ""
    assert domain.counted
    found.check(Evidence.MEASURED)


def test_only_a_model():
    found = Machine(evidence=Evidence.MODELLED, missing=("rapl: permission; sudo chmod",)).doctor()
    assert found.evidence is Evidence.MODELLED
    assert found.verdict.startswith("no energy sensor here")
    found.check(Evidence.MODELLED)
    with pytest.raises(MissingError, match="sudo chmod") as error:
        found.check(Evidence.MEASURED)
    assert error.value.exit_code == 4


def test_nothing_at_all():
    clock = Clock()
    machine = Machine([FakeSensor(Source(clock), {}, missing=("no RAPL: no zones",))])
    found = machine.doctor()
    assert found.evidence is Evidence.UNAVAILABLE
    assert "unavailable" in found.verdict
    assert found.seconds < 1
    assert found.to_dict()["sensors"][0]["missing"] == ["no RAPL: no zones"]


@pytest.mark.parametrize(
    ("share", "fault", "problem"),
    [
        (0.0, "", "counter"),
        (1.0, "I/O error", "I/O error"),
    ],
)
def test_a_broken_sensor_is_found(share, fault, problem):
    machine = Machine()
    machine.sensors = [
        FakeSensor(machine.source, {counter("c"): share}, fault=lambda *_: fault),
    ]
    found = machine.doctor()
    assert problem in found.sensors[0].domains[0].problem
    assert found.evidence is Evidence.UNAVAILABLE


def test_a_cpu_sensor_that_does_not_rise_under_load():
    machine = Machine()
    found = doctor(
        machine.sensors, clock=machine.clock, sleep=machine.clock.sleep,
        spin=machine.clock.sleep, root="/nonexistent",
    )  # fmt: skip
    assert "doesn't rise" in found.sensors[0].domains[0].problem


def test_virtual_machines_are_recognised(tmp_path):
    assert virtual_machine(tmp_path) == ""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("flags : fpu hypervisor\n")
    assert "hypervisor" in virtual_machine(tmp_path)
    vendor = tmp_path / "sys/class/dmi/id/sys_vendor"
    vendor.parent.mkdir(parents=True)
    vendor.write_text("QEMU\n")
    assert virtual_machine(tmp_path) == "QEMU"
    (tmp_path / "proc/cpuinfo").write_text("flags : fpu\n")
    (tmp_path / ".dockerenv").touch()
    assert virtual_machine(tmp_path) == "a container"


class TestCommand:
    @pytest.fixture
    def found(self, monkeypatch):
        def set_sensors(*sensors):
            absent = FakeSensor(Source(Clock()), {}, name="jetson", missing=("no Jetson here",))
            absent.present = False
            module = SimpleNamespace(find_sensors=lambda: sensors, all_sensors=lambda: (absent,))
            monkeypatch.setitem(sys.modules, "picojoule.meter.find", module)
            monkeypatch.setattr("picojoule.cli.doctor._QUICK_S", 0.02)

        return set_sensors

    def test_a_machine_without_sensors_says_so_and_exits_4(self, found, capsys):
        none = FakeSensor(Source(Clock()), {}, missing=("no RAPL: a virtual machine",))
        found(none)
        assert run(["doctor", "--quick"]) == 0
        assert "no energy can be read" in capsys.readouterr().out
        assert run(["doctor", "--quick", "--require", "measured"]) == 4
        out, err = capsys.readouterr()
        assert "no RAPL: a virtual machine" in out
        assert "no Jetson here" in out
        assert "no measured energy on this machine" in err

    def test_json(self, found, capsys):
        found(FakeSensor(Source(time.monotonic), {counter("c"): 1.0}))
        assert run(["doctor", "--quick", "--json", "--require", "measured"]) == 0
        document = validate(json.loads(capsys.readouterr().out))
        assert document["evidence"] == "measured"
        assert document["sensors"][0]["domains"][0]["idle"]["unit"] == "W"

    def test_table(self, found, capsys):
        found(FakeSensor(Source(time.monotonic), {counter("c"): 1.0}))
        assert run(["doctor", "--quick"]) == 0
        out = capsys.readouterr().out
        assert "energy is measured here: cpu (chip)" in out
        assert "10.0 W" in out
