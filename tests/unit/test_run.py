"""pj run and pj measure: results, exit codes and exports, on a simulated sensor."""

from __future__ import annotations

import csv
import json
import sys
import time
import urllib.request
from types import SimpleNamespace

import pytest
from meter_fakes import Clock, FakeSensor, Source, counter

from picojoule.cli import run
from picojoule.quantity import Evidence
from published_schema import validate


@pytest.fixture
def machine(monkeypatch):
    """The sensors that are found; 10 W, on the real clock, unless a test sets others."""
    holder = SimpleNamespace(sensors=[FakeSensor(Source(time.monotonic), {counter("c"): 1.0})])
    module = SimpleNamespace(find_sensors=lambda: tuple(holder.sensors))
    monkeypatch.setitem(sys.modules, "picojoule.meter.find", module)
    return holder


def python(code):
    return ["--idle-s", "0.01", "--", sys.executable, "-c", code]


class TestRun:
    def test_the_command_is_metered(self, machine, capfd):
        assert run(["run", *python("print('hello')")]) == 0
        out, err = capfd.readouterr()
        assert out == "hello\n"
        assert "mean 10." in err or "mean 9.9" in err
        assert "idle before" in err

    @pytest.mark.parametrize(
        ("code", "status"),
        [("raise SystemExit(7)", 7), ("import os; os.kill(os.getpid(), 15)", 128 + 15)],
    )
    def test_its_exit_code_is_ours(self, machine, code, status, capfd):
        assert run(["run", *python(code)]) == status

    def test_its_options_are_its_own(self, machine, capfd):
        code = "import sys; print(sys.argv[1:])"
        assert run(["run", *python(code), "--json", "--help", "-x"]) == 0
        assert capfd.readouterr().out == "['--json', '--help', '-x']\n"

    def test_json_on_stdout_and_the_commands_output_on_stderr(self, machine, capfd):
        assert run(["run", "--json", *python("print('hello'); exit(3)")]) == 3
        out, err = capfd.readouterr()
        document = validate(json.loads(out))
        assert "hello" in err
        assert document["exit_code"] == 3
        assert document["power"]["value"] == pytest.approx(10, rel=0.1)
        assert document["ledger"]["total"]["coverage"] == 1
        assert document["attributed"]["energy"]["evidence"] in ("calibrated", "unavailable")

    def test_exports(self, machine, capfd, tmp_path):
        files = [tmp_path / n for n in ("a.csv", "a.json", "a.trace.json")]
        exports = [part for f in files for part in ("--export", str(f))]
        assert run(["run", *exports, *python("")]) == 0
        (row,) = csv.DictReader(files[0].read_text().splitlines())
        assert row["operand"] == "c"
        assert json.loads(files[1].read_text())["schema"] == "picojoule/ledger/1"
        names = {e["name"] for e in json.loads(files[2].read_text())["traceEvents"]}
        assert "c W" in names
        assert "wrote" in capfd.readouterr().err

    def test_metrics_are_served_meanwhile(self, machine, capfd, monkeypatch):
        seen = []

        def wait(command, stdout):
            url = capfd.readouterr().err.split("metrics at ")[1].split()[0]
            with urllib.request.urlopen(url) as answer:  # noqa: S310
                seen.append(answer.read().decode())
            return 0

        monkeypatch.setattr("picojoule.cli.command._wait", wait)
        assert run(["run", "--prometheus", "0", *python("")]) == 0
        assert 'picojoule_energy_joules_total{domain="c"' in seen[0]

    def test_mistakes(self, machine, capfd, tmp_path):
        assert run(["run"]) == 2
        assert "pj run -- python train.py" in capfd.readouterr().err
        assert run(["run", "--idle-s", "0", "--", "/nonexistent/program"]) == 2
        assert "can't run" in capfd.readouterr().err
        assert run(["run", "--export", "a.txt", "--", "true"]) == 2
        missing = str(tmp_path / "no/folder/a.csv")
        assert run(["run", "--export", missing, *python("")]) == 2

    def test_too_weak_a_sensor_is_refused_before_the_command_runs(self, machine, capfd):
        machine.sensors[0].evidence = Evidence.MODELLED
        assert run(["run", "--require", "measured", *python("print('ran')")]) == 4
        assert "ran" not in capfd.readouterr().out

    def test_no_sensor_is_said_and_the_command_still_runs(self, machine, capfd):
        machine.sensors = [FakeSensor(Source(Clock()), {}, missing=("no RAPL",))]
        assert run(["run", *python("print('hello')")]) == 0
        out, err = capfd.readouterr()
        assert out == "hello\n"
        assert "unavailable" in err

    def test_hardware_that_may_not_be_read_lowers_the_coverage(self, machine, capfd):
        sensor = machine.sensors[0]
        sensor.missing = ("fake:dram-0: permission denied; sudo chmod", "fake: could be better")
        assert run(["run", "--json", *python("")]) == 0
        total = json.loads(capfd.readouterr().out)["ledger"]["total"]
        assert total["coverage"] == 0.5


SPEC = """
import torch
model = torch.nn.Linear(8, 8)
calibration = [torch.ones(4, 8)]
"""


class TestMeasure:
    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch):
        """Short windows; and what else runs on the machine that tests is no flaw."""
        monkeypatch.setattr("picojoule.meter.repeats._BUSY", 2.0)
        monkeypatch.setattr("picojoule.meter.repeats._MIN_WINDOW_S", 0.02)
        monkeypatch.setattr("picojoule.meter.protocol._MIN_SPAN_S", 0.0)

    @pytest.fixture
    def spec(self, tmp_path):
        path = tmp_path / "small.py"
        path.write_text(SPEC)
        return str(path)

    def test_a_spec_is_measured(self, machine, spec, capsys, tmp_path):
        options = ["--idle-s", "0", "--relative", "100%", "--budget-s", "3", "-o", str(tmp_path)]
        assert run(["measure", spec, *options]) in (0, 3)  # a shared machine may be too noisy
        out = capsys.readouterr().out
        assert "per call" in out
        assert "of it c" in out
        document = validate(json.loads((tmp_path / "report.json").read_text()))
        assert document["power"]["value"] == pytest.approx(10, rel=0.05)

    def test_exit_codes(self, machine, spec, capsys, tmp_path):
        machine.sensors[0].evidence = Evidence.MODELLED
        assert run(["measure", spec, "--require", "measured"]) == 4
        assert run(["measure", str(tmp_path / "none.py")]) == 2
        assert run(["measure", "model.txt"]) == 2
        machine.sensors = []
        assert run(["measure", spec]) == 4
        assert "pj doctor" in capsys.readouterr().err

    def test_weak_evidence_is_exit_3(self, machine, spec, capsys):
        code = run(["measure", spec, "--idle-s", "0", "--relative", "0.0001%", "--budget-s", "1"])
        assert code == 3
        out, err = capsys.readouterr()
        assert "inconclusive" in out or "too few" in err
