"""Sweeps that resume, and plans."""

import json
import math
from dataclasses import fields

import numpy as np
import pytest
from cluster_cases import small_cluster, small_table

from picojoule.cluster import Requests, planning, scaled, simulate
from picojoule.cluster.planning import Limits, Trial, plan
from picojoule.cluster.sweep import RayExecutor, engine, sweep
from picojoule.errors import InputError

CALLS = []


def square(point):
    CALLS.append(point["x"])
    if point["x"] < 0:
        raise ValueError("negative")
    return {"y": point["x"] ** 2}


def points(*xs):
    return [{"x": x} for x in xs]


@pytest.mark.parametrize("name", ["serial", "process"])
def test_results_come_in_the_order_of_the_points(name):
    with engine(name, 1) as executor:
        assert sweep(square, points(3, 1, 2, 1), executor) == [{"y": v} for v in (9, 1, 4, 1)]


def test_an_interrupted_sweep_resumes(tmp_path):
    journal, before = tmp_path / "runs.jsonl", len(CALLS)
    with engine("serial") as executor, pytest.raises(ValueError, match="negative"):
        sweep(square, points(1, 2, -1), executor, journal)
    with journal.open("a") as file:
        file.write('{"point": {"x": 9}, "fou')  # a run that was killed while it wrote
    with engine("serial") as executor:
        found = sweep(square, points(1, 2, 3), executor, journal)
    assert found == [{"y": 1}, {"y": 4}, {"y": 9}]
    assert CALLS[before:].count(1) == CALLS[before:].count(2) == 1
    lines = journal.read_text().splitlines()
    assert {json.loads(line)["point"]["x"] for line in lines} == {1, 2, 3}


@pytest.mark.parametrize("line", ['{"point": 1}', '{"point": [', '{"point": {"x": ' + "9" * 5000])
def test_a_file_that_is_no_journal(tmp_path, line):
    journal = tmp_path / "runs.jsonl"
    journal.write_text(line + "\n")
    with (
        engine("serial") as executor,
        pytest.raises(InputError, match=r"jsonl:1: not a finished run"),
    ):
        sweep(square, points(1), executor, journal)
    assert journal.read_text() == line + "\n"


def test_an_unknown_engine():
    with pytest.raises(InputError, match=r"(?s)no engine 'roy'.*ray"), engine("roy"):
        pass


def test_ray_runs_the_same():
    pytest.importorskip("ray", reason="needs the extra ray")
    with RayExecutor() as executor:
        assert sweep(len, [{"x": 1}, {"x": 1, "y": 2}], executor) == [1, 2]


# Plans.


@pytest.fixture
def small(monkeypatch):
    """A busy row of 12 small servers: the trace keeps each about half busy."""
    table = small_table(kv_tokens=10**6)
    monkeypatch.setattr(planning, "table_for", lambda cluster: table)
    rng = np.random.default_rng(5)
    n = 1500
    trace = Requests.of(np.sort(rng.uniform(0, 300, n)), rng.integers(1, 300, n),
                        rng.integers(2, 80, n))  # fmt: skip
    return trace, small_cluster(racks=4, servers_per_rack=3, budget="3 kW")


def test_static_headroom_is_one_over_the_peak(small):
    trace, cluster = small
    found = plan(trace, cluster, policy="none", peak_share=0.70, seeds=1, sensitivity=False)
    assert found.base_peak_w / found.budget_w == pytest.approx(0.70)
    assert found.static == pytest.approx(12 / 0.70, abs=1.5)
    assert found.unbraked >= found.static  # telemetry averages what the peak does not
    table, free = planning.table_for(cluster), {}
    for n in (found.static, found.static + 1):
        row = cluster.sized(n, "1 MW")
        free[n] = simulate(scaled(trace, n / 12), row, policy="none", phases=table).power.peak_w
    assert free[found.static] <= found.budget_w < free[found.static + 1]


def test_the_answer_is_the_most_that_keeps_the_limits(small):
    """Beside brute force over all sizes around it."""
    trace, cluster = small
    found = plan(trace, cluster, policy="polca", peak_share=0.79, seeds=2, sensitivity=False)
    assert all(t.keeps(found.limits) for t in found.trials)
    assert not all(t.keeps(found.limits) for t in found.next_trials)
    assert found.fits <= found.unbraked
    assert 0 < found.confidence < 1


def test_tighter_limits_fit_no_more_servers(small):
    trace, cluster = small
    loose, tight = (
        plan(trace, cluster, peak_share=0.79, seeds=1, sensitivity=False,
             limits=Limits(low_p50=x, low_p99=9, high_p50=9, high_p99=9))
        for x in (9.0, 0.001)
    )  # fmt: skip
    assert tight.fits <= loose.fits
    assert loose.unbraked == tight.unbraked


def test_a_plan_is_kept_and_taken_up_again(small, tmp_path, monkeypatch):
    trace, cluster = small
    journal = tmp_path / "plan.jsonl"
    first = plan(trace, cluster, seeds=1, sensitivity=False, journal=journal).to_dict()
    monkeypatch.setattr(planning, "simulate", None)  # nothing may run again
    assert plan(trace, cluster, seeds=1, sensitivity=False, journal=journal).to_dict() == first
    with pytest.raises(TypeError, match="NoneType"):  # another trace is another plan
        plan(trace[:-1], cluster, seeds=1, sensitivity=False, journal=journal)


def test_sensitivity_has_a_row_for_each_change(small):
    trace, cluster = small
    found = plan(trace, cluster, peak_share=0.79, seeds=1)
    rows = {(what, value.split(":")[0]): sizes for what, value, *sizes in found.sensitivity}
    assert len(rows) == 9
    peaks = [rows["peak of the base row", f"{p}% of the budget"] for p in (70, 79, 90)]
    statics = [p[0] for p in peaks]
    assert statics == sorted(statics, reverse=True)
    assert rows["peak of the base row", "79% of the budget"][0] == found.static


def test_no_budget_for_a_single_server(small):
    trace, cluster = small
    with pytest.raises(InputError, match="idle power"):
        plan(trace, cluster.sized(12, "50 W"), seeds=1)
    with pytest.raises(InputError, match="no row fits the limits"):
        plan(trace, cluster, seeds=1, limits=Limits(attainment=1.1))
    with pytest.raises(InputError, match="needs a seed"):
        plan(trace, cluster, seeds=0)


def test_limits():
    good = Trial(1, 0, 1.0, {}, 0, 0, 0, {"low_p50": 0.04, "high_p50": 0.0}, 1.0)
    assert good.keeps(Limits())
    for wrong in ({"brakes": 1}, {"attainment": 0.9}, {"slower": {"high_p50": 0.02}}):
        assert not Trial(**{**_dict(good), **wrong}).keeps(Limits())
    assert math.isfinite(Limits().low_p99)


def _dict(trial):
    return {f.name: getattr(trial, f.name) for f in fields(trial)}
