"""Ledgers and meters in other programs' formats; nothing unavailable becomes 0 on the way."""

from __future__ import annotations

import csv
import json
import re
import sys
from types import ModuleType, SimpleNamespace

import pytest
from meter_fakes import Clock, FakeSensor, Source, counter, power

import picojoule as pj
from picojoule.errors import InputError, MissingExtra
from picojoule.meter.export import chrome_trace, to_csv, write_ledger, write_trace
from picojoule.meter.expose import otel_instruments, prometheus_text
from picojoule.meter.session import meter


@pytest.fixture
def done():
    """A finished meter: 10 W for 10 s, one domain that vanishes half-way, one never there."""
    clock = Clock()
    source = Source(clock)
    gone = lambda name, s: "gone" if name == "never" or (name == "half" and s > 1005) else ""  # noqa: E731
    domains = {
        counter("c", wraps_at_j=45.0, max_w=20.0): 1.0,
        power("half"): 1.0,
        counter("never", "dram"): 1,
    }
    sensor = FakeSensor(source, domains, fault=gone)
    with meter([sensor], clock=clock, background=False, sync=None, timeline=True) as m:
        for _ in range(10):
            with m.window("second"):
                clock.sleep(1.0)
    return m


class TestFiles:
    def test_csv_leaves_unknown_fields_empty(self, done):
        rows = list(csv.DictReader(to_csv(done.ledger()).splitlines()))
        assert [r["operand"] for r in rows] == ["c", "half", "half", "never"]
        assert float(rows[0]["energy_j"]) == pytest.approx(100)
        assert rows[3]["energy_j"] == ""
        assert rows[3]["evidence"] == "unavailable"

    def test_json_is_a_ledger(self, done, tmp_path):
        write_ledger(done.ledger(), tmp_path / "a.json")
        ledger = pj.Ledger.from_dict(json.loads((tmp_path / "a.json").read_text()))
        assert ledger.total().energy.value == pytest.approx(done.ledger().total().energy.value)

    def test_parquet(self, done, tmp_path):
        parquet = pytest.importorskip("pyarrow.parquet")
        write_ledger(done.ledger(), tmp_path / "a.parquet")
        table = parquet.read_table(tmp_path / "a.parquet")
        assert table.column("energy_j").to_pylist()[3] is None
        assert table.column("energy_j").to_pylist()[0] == pytest.approx(100)
        assert b"picojoule" in table.schema.metadata

    def test_parquet_without_pyarrow_says_its_pip_line(self, done, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
        with pytest.raises(MissingExtra, match=re.escape("picojoule[meters]")):
            write_ledger(done.ledger(), tmp_path / "a.parquet")

    def test_bad_paths(self, done, tmp_path):
        with pytest.raises(InputError, match="not a format"):
            write_ledger(done.ledger(), tmp_path / "a.xlsx")
        with pytest.raises(InputError, match="can't write"):
            write_ledger(done.ledger(), tmp_path / "none/a.csv")


class TestTimeline:
    def test_power_and_windows_and_gaps(self, done, tmp_path):
        write_trace(done, tmp_path / "t.json")
        events = json.loads((tmp_path / "t.json").read_text())["traceEvents"]
        slices = [e for e in events if e["ph"] == "X"]
        assert [round(e["ts"]) for e in slices] == [1_000_000 * i for i in range(10)]
        assert all(e["dur"] == pytest.approx(1e6) for e in slices)
        watts = [e["args"]["W"] for e in events if e["name"] == "c W"]
        assert watts
        assert all(w == pytest.approx(10) for w in watts)  # and nothing over the wraps
        gaps = [e for e in events if e["name"] == "gap in never"]
        assert gaps
        assert not [e for e in events if e["name"] == "never W"]

    def test_it_needs_samples(self):
        clock = Clock()
        sensor = FakeSensor(Source(clock), {counter("c"): 1.0})
        with meter([sensor], clock=clock, background=False, sync=None) as m:
            clock.sleep(1)
        with pytest.raises(InputError, match="timeline=True"):
            chrome_trace(m)


LINE = re.compile(r'^[a-z_]+\{([a-z_]+="(\\.|[^"\\])*",?)+\} [0-9.e+-]+$')


class TestPrometheus:
    def test_text_format(self, done):
        text = prometheus_text(done)
        samples = [line for line in text.splitlines() if not line.startswith("#")]
        assert all(LINE.match(line) for line in samples), samples
        assert text.endswith("\n")
        energy = [s for s in samples if s.startswith("picojoule_energy_joules_total")]
        assert len(energy) == 2  # never a 0 for what can't be read
        assert 'evidence="measured"' in energy[0]
        gap = next(s for s in samples if "gap" in s and '"never"' in s)
        assert float(gap.split()[-1]) == pytest.approx(10)

    def test_hostile_names_are_escaped(self):
        clock = Clock()
        sensor = FakeSensor(Source(clock), {counter('a"b\\c\nd'): 1.0})
        with meter([sensor], clock=clock, background=False, sync=None) as m:
            clock.sleep(1)
        assert r'domain="a\"b\\c\nd"' in prometheus_text(m)

    def test_its_own_parser_reads_it(self, done):
        parser = pytest.importorskip("prometheus_client.parser")
        families = {f.name: f for f in parser.text_string_to_metric_families(prometheus_text(done))}
        assert families["picojoule_energy_joules"].samples[0].value == pytest.approx(100)


class TestOtel:
    def test_instruments(self, monkeypatch):
        made = {}

        def create(name, callbacks, unit, description):
            made[name] = (callbacks[0], unit)
            return name

        fake = ModuleType("opentelemetry.metrics")
        fake.Observation = lambda value, labels: (value, labels)
        instruments = SimpleNamespace(
            create_observable_counter=create, create_observable_gauge=create
        )
        fake.get_meter = lambda name: instruments
        monkeypatch.setitem(sys.modules, "opentelemetry", ModuleType("opentelemetry"))
        monkeypatch.setitem(sys.modules, "opentelemetry.metrics", fake)
        clock = Clock()
        sensor = FakeSensor(Source(clock), {counter("c"): 1.0})
        with meter([sensor], clock=clock, background=False, sync=None) as m:
            assert len(otel_instruments(m)) == 4
            observe, unit = made["picojoule.power"]
            assert unit == "W"
            clock.sleep(1)
            assert observe(None) == []
            clock.sleep(1)
            ((watts, labels),) = observe(None)
            assert watts == pytest.approx(10)
            assert labels["domain"] == "c"
            ((joules, _),) = made["picojoule.energy"][0](None)
            assert joules == pytest.approx(20)

    def test_without_it_the_pip_line(self, done, monkeypatch):
        monkeypatch.setitem(sys.modules, "opentelemetry.metrics", None)
        with pytest.raises(MissingExtra, match=re.escape("picojoule[meters]")):
            otel_instruments(done)
