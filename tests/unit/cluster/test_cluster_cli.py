"""pj simulate and pj plan as a user meets them, and the page."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from picojoule.cli.plan import plan
from picojoule.cli.simulate import simulate, slo_of
from picojoule.cluster import Requests, load_cluster
from picojoule.cluster import simulate as run
from picojoule.errors import InputError
from published_schema import validate

EXAMPLE = Path(__file__).parents[3] / "examples" / "cluster.toml"


@pytest.fixture
def trace(tmp_path):
    rng = np.random.default_rng(0)
    times = np.sort(rng.uniform(0, 400, 1600))
    lines = [f"{t:.4f},{rng.integers(50, 2000)},{rng.integers(5, 300)}" for t in times]
    path = tmp_path / "trace.csv"
    path.write_text("arrival_s,prompt_tokens,output_tokens\n" + "\n".join(lines) + "\n")
    return path


def test_simulate_prints_tables(trace, capsys):
    assert simulate(trace=trace, cluster=EXAMPLE, slo="ttft=2,tbt=0.1") == 0
    out = capsys.readouterr().out
    for word in ("time to first token", "prefill", "per output token", "of the budget", "brakes"):
        assert word in out
    assert "calibrated" in out
    assert "POLCA" in out


def test_simulate_json_is_one_document(trace, capsys):
    simulate(trace=trace, cluster=EXAMPLE, json=True, policy="none", seed=3)
    document = json.loads(capsys.readouterr().out)
    assert document["slo_attainment"] == {"low": None, "high": None}, "no SLO was stated"
    validate(document)
    assert document["requests"]["low"] + document["requests"]["high"] == 1600
    assert document["energy"]["evidence"] == "assumed"
    assert document["energy"]["low"] < document["energy"]["value"] < document["energy"]["high"]
    parts = document["joules_per_token"]
    for unit in ("per_token", "per_output_token"):
        total = sum(parts[p][unit] for p in ("prefill", "decode", "idle"))
        assert total == pytest.approx(parts["total"][unit])


def test_a_row_that_brakes_exits_with_1(trace, capsys):
    assert simulate(trace=trace, cluster=EXAMPLE, budget="95kW", policy="none") == 1
    assert "brakes" in capsys.readouterr().out


def test_more_load_synthetic_days_and_a_ramp(trace, capsys):
    simulate(trace=trace, cluster=EXAMPLE, load=2, ramp_s=100, json=True)
    more = json.loads(capsys.readouterr().out)
    assert sum(more["requests"].values()) == pytest.approx(1600 * 2 * 0.875, rel=0.05)
    simulate(trace=trace, cluster=EXAMPLE, days=0.05, servers=41, json=True)
    synthetic = json.loads(capsys.readouterr().out)
    assert synthetic["servers"] == 41
    assert synthetic["duration_s"] == pytest.approx(0.05 * 86_400, rel=0.02)


def test_plan_says_what_needs_no_policy(trace, capsys, tmp_path):
    assert plan(trace=trace, cluster=EXAMPLE, peak="79%", seeds=1, engine="serial", ramp_s=0,
                output=tmp_path) == 0  # fmt: skip
    out = capsys.readouterr().out
    assert "without any policy: the peak of 40 is 79.0% of the budget" in out
    assert re.search(r"\d+% of the servers that power lets in beyond 40 need no policy", out)
    document = json.loads((tmp_path / "report.json").read_text())
    validate(document)
    assert document["servers"] <= document["unbraked_servers"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"budget": "much"}, r"(?s)--budget: not a power.*as 400kW"),
        ({"budget": "1 kW"}, "below the row's idle power"),
        ({"servers": 0}, "--servers starts at 1"),
        ({"servers": 10**9}, "--servers: counts are whole numbers"),
        ({"policy": "poca"}, r"(?s)no power policy 'poca'.*polca"),
        ({"slo": "ttft"}, r"(?s)--slo: not a limit.*ttft=2"),
        ({"load": 0.0}, "load factor must be positive"),
        ({"swing": 2.0}, "--swing is from 0 to 1"),
    ],
)
def test_wrong_options_are_named(trace, given, message):
    with pytest.raises(InputError, match=message):
        simulate(trace=trace, cluster=EXAMPLE, **given)


def test_wrong_plan_options_are_named(trace):
    for given, message in (
        ({"budget": "1 MW", "peak": "79%"}, "--budget or --peak"),
        ({"peak": "120%"}, "share of the budget"),
        ({"budget": "1 MW", "attain": "120%"}, "share of the requests"),
        ({"slower": "1%"}, "not four limits"),
        ({"engine": "dask"}, "no engine 'dask'"),
    ):
        with pytest.raises(InputError, match=message):
            plan(trace=trace, cluster=EXAMPLE, **given)


def test_limits_of_requests():
    slo = slo_of("ttft=2s, tbt=0.1")
    assert (slo.ttft_s, slo.tbt_s) == (2, 0.1)
    assert slo.e2e_s == float("inf")


# The page.


@pytest.fixture(scope="module")
def result():
    rng = np.random.default_rng(1)
    trace = Requests.of(np.sort(rng.uniform(0, 300, 1500)), rng.integers(50, 2000, 1500),
                        rng.integers(5, 300, 1500))  # fmt: skip
    return run(trace, load_cluster(EXAMPLE).sized(40, "105 kW"), policy="polca")


def test_the_page_shows_power_latency_and_energy(result):
    pytest.importorskip("vl_convert")
    from picojoule.report.cluster_page import result_page

    page = result_page(result)
    for heading in ("Power against the budget", "Racks", "Latency by priority", "Energy by phase"):
        assert f"<h2>{heading}</h2>" in page
    assert result.events
    assert "clock 1275 MHz" in page
    assert "default-src 'none'" in page


def test_the_power_chart_keeps_the_peak(result):
    pytest.importorskip("altair")
    from picojoule.report.cluster_charts import power_chart

    spec = power_chart(result).to_dict()
    points = spec["layer"][0]["data"]["values"]
    assert len(points) <= 500
    assert max(p["high"] for p in points) == pytest.approx(result.power.peak_w / 1e3)
    budget = spec["layer"][2]["data"]["values"][0]["y"]
    assert budget == pytest.approx(105)


def test_a_hostile_name_stays_text(result):
    pytest.importorskip("vl_convert")
    from dataclasses import replace

    import msgspec

    from picojoule.report.cluster_page import result_page

    name = "<script>alert(1)</script>"
    bad = replace(result, cluster=msgspec.structs.replace(result.cluster, name=name))
    assert name not in result_page(bad)
