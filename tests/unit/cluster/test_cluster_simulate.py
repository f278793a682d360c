"""The simulator: against the event-by-event reference, closed forms, and conservation laws."""

import math
from dataclasses import replace

import numpy as np
import pytest
from cluster_cases import both, disagreement, random_case, small_cluster, small_table

from picojoule.cluster import Requests, Slo, make_policy, simulate
from picojoule.cluster.latency import Histogram
from picojoule.cluster.result import spikes
from picojoule.errors import InputError


@pytest.mark.parametrize("block", range(8))
def test_the_fast_simulator_is_the_reference(block):
    """Times of every request, power of every second, joules by phase, brakes and all orders."""
    seeds = range(250 * block, 250 * (block + 1))
    wrong = {seed: d for seed in seeds if (d := disagreement(seed))}
    assert not wrong


def test_the_cases_exercise_orders_brakes_and_rejections():
    """A check that never sees an order would pass for nothing."""
    found = [both(seed)[0] for seed in range(60)]
    assert sum(len(r.events) for r in found) > 50
    assert sum(r.brakes for r in found) > 10
    assert sum(r.rejected for r in found) > 0
    assert any(random_case(s)[1].prefill_share for s in range(60))


def test_the_reference_notices_a_wrong_constant():
    trace, cluster, table, _ = random_case(3)
    free = simulate(trace, cluster, policy=make_policy("none"), phases=table, seed=3)
    slower = replace(table, step_s=table.step_s * 1.001)
    other = simulate(trace, cluster, policy=make_policy("none"), phases=slower, seed=3)
    assert other.energy.total_j != pytest.approx(free.energy.total_j, rel=1e-8)


def test_one_request_by_hand():
    """Prefill 0.1 s and 30 J, then 9 steps of 0.03 s and 5 J, at 50 + 60 W beside."""
    table = replace(small_table(), active_w=60.0, context_s=0.0, context_j=0.0,
                    prefill_s=np.array([0.02, 0.1, 0.5]), prefill_j=np.array([5.0, 30.0, 200.0]),
                    step_s=np.array([0.03, 0.035, 0.06]))  # fmt: skip
    cluster = small_cluster(servers_per_rack=1, low_priority_share=0.0)
    rows = []
    result = simulate(Requests.of([0.5], [200], [10], [1]), cluster, policy="none", phases=table,
                      sink=rows.append)  # fmt: skip
    assert rows[0][0, 2] == pytest.approx(0.6)
    assert rows[0][0, 3] == pytest.approx(0.6 + 9 * 0.03)
    around = 1 + cluster.server.other_share.value
    assert result.energy.dynamic_j["prefill"] == pytest.approx(around * 30)
    assert result.energy.dynamic_j["decode"] == pytest.approx(around * 9 * 5)
    assert result.energy.total_j == pytest.approx(110 + around * 75)  # one second in all
    assert result.power.row_w == pytest.approx([110 + around * 75])


def test_m_d_1_wait_is_pollaczek_khinchine():
    """Prefills of one length and outputs of one token: Poisson arrivals, W = ρs/2(1-ρ)."""
    table, service, load = small_table(), 0.1, 0.6
    table = replace(table, prompt_tokens=np.array([1.0, 2.0]), prefill_s=np.full(2, service),
                    prefill_j=np.ones(2))  # fmt: skip
    rng = np.random.default_rng(1)
    arrivals = np.cumsum(rng.exponential(service / load, 200_000))
    trace = Requests.of(arrivals, np.ones(len(arrivals), int), np.ones(len(arrivals), int), 1)
    cluster = small_cluster(servers_per_rack=1, low_priority_share=0.0)
    result = simulate(trace, cluster, policy="none", phases=table)
    wait = result.latencies.of["ttft_s", 1].mean - service
    assert wait == pytest.approx(load * service / (2 * (1 - load)), rel=0.02)
    busy = result.energy.seconds["prefill"] / result.duration_s
    assert busy == pytest.approx(load, rel=0.01)


@pytest.mark.parametrize("seed", range(5))
def test_joules_are_the_integral_of_power_and_nothing_is_lost(seed):
    trace, cluster, table, name = random_case(seed)
    result = simulate(trace, cluster, policy=make_policy(name), phases=table, seed=seed)
    assert result.power.row_w.sum() == pytest.approx(result.energy.total_j)
    assert result.ledger().total().energy.value == pytest.approx(result.energy.total_j)
    served = sum(result.latencies.requests(p) for p in (0, 1))
    assert served + result.rejected == len(trace)
    racks = (result.power.rack_mean_w * _minutes(result)).sum()
    assert racks == pytest.approx(result.energy.total_j)
    servers = (result.power.server_mean_w * _minutes(result)).sum()
    assert servers == pytest.approx(result.energy.total_j)


def _minutes(result):
    whole, rest = divmod(result.duration_s, 60)
    return np.array([60] * whole + ([rest] if rest else []))


def test_chunks_do_not_matter():
    trace, cluster, table, _ = random_case(11)
    trace = replace(trace, priority=np.full(len(trace), -1, dtype=np.int8))
    whole = simulate(trace, cluster, policy="polca", phases=table, seed=5).to_dict()
    chunks = (trace[i : i + 3] for i in range(0, len(trace), 3))
    assert simulate(chunks, cluster, policy="polca", phases=table, seed=5).to_dict() == whole
    assert simulate(trace, cluster, policy="polca", phases=table, seed=6).to_dict() != whole


def discrete(arrivals, prompts, outputs, table):
    """One replica, token by token: a step ends before anything else may start."""
    now, waiting, active, i, done = 0.0, [], [], 0, {}
    while i < len(arrivals) or waiting or active:
        while i < len(arrivals) and arrivals[i] <= now:
            waiting.append(i)
            i += 1
        if waiting and len(active) < 8:
            r = waiting.pop(0)
            now += table.prefill(prompts[r : r + 1])[0][0]
            active.append([outputs[r] - 1, r])
        elif active:
            context = sum(prompts[r] + outputs[r] / 2 for _, r in active)
            now += table.steps(8)[0][len(active)] + table.context_s * context
            for a in active:
                a[0] -= 1
        else:
            now = arrivals[i]
        for a in [a for a in active if a[0] <= 0]:
            active.remove(a)
            done[a[1]] = now
    return np.array([done[r] for r in range(len(arrivals))])


def test_whole_tokens_make_little_difference():
    """Tokens flow here and come one by one in an engine: end to end differs by about a step."""
    rng = np.random.default_rng(4)
    n, table = 300, small_table(kv_tokens=10**6)
    arrivals = np.cumsum(rng.exponential(0.8, n))
    prompts, outputs = rng.integers(1, 500, n), rng.integers(2, 60, n)
    rows = []
    cluster = small_cluster(servers_per_rack=1, low_priority_share=0.0)
    simulate(Requests.of(arrivals, prompts, outputs, 1), cluster, policy="none", phases=table,
             sink=rows.append)  # fmt: skip
    found = np.concatenate(rows)
    ours = found[np.argsort(found[:, 0]), 3] - arrivals
    theirs = discrete(arrivals, prompts, outputs, table) - arrivals
    assert np.median(np.abs(ours - theirs)) < table.steps(8)[0][8]
    assert ours.mean() == pytest.approx(theirs.mean(), rel=0.03)


def test_the_slo_is_counted_by_priority():
    trace, cluster, table, _ = random_case(2)
    result = simulate(trace, cluster, policy="none", phases=table, slo=Slo(ttft_s=0.3), seed=1)
    rows = []
    simulate(trace, cluster, policy="none", phases=table, sink=rows.append, seed=1)
    found = np.concatenate(rows)
    for p in (0, 1):
        mine = found[found[:, 6] == p]
        if len(mine):
            share = np.mean(mine[:, 2] - mine[:, 1] <= 0.3)
            assert result.latencies.attainment(p) == pytest.approx(share)


def test_quantiles_are_numpys_within_a_bin():
    values = np.random.default_rng(0).lognormal(0, 2, 20_001)
    histogram = Histogram()
    for part in np.array_split(values, 7):
        histogram.add(part)
    for q in (0.001, 0.5, 0.9, 0.99, 1.0):
        assert histogram.quantile(q) == pytest.approx(np.quantile(values, q), rel=2e-3)
    assert histogram.mean == pytest.approx(values.mean())


def test_a_spike_is_what_power_rises_ahead():
    power = np.array([1.0, 1, 1, 5, 1, 1, 9, 1])
    assert spikes(power, 2, 1.0)[2] == 8
    brute = [max(power[i : i + 3]) - power[i] for i in range(8)]
    assert spikes(power, 2, 10.0)[0] == pytest.approx(np.median(brute) / 10)


def test_bad_input_is_refused():
    trace, cluster, table, _ = random_case(1)
    with pytest.raises(InputError, match=r"(?s)below the row's idle power.*2 servers"):
        simulate(trace, small_cluster(budget="100 W"), phases=table)
    with pytest.raises(InputError, match=r"(?s)no power policy 'polcar'.*polca"):
        simulate(trace, cluster, policy="polcar", phases=table)
    with pytest.raises(InputError, match=r"(?s)no constant 't3'.*t1"):
        simulate(trace, small_cluster(policies={"polca": {"t3": 1.0}}), phases=table)


def test_arrivals_that_count_from_another_epoch():
    trace = Requests.of([1.7e9], [10], [5])
    with pytest.raises(InputError, match=r"(?s)trace is too long.*count from its start"):
        simulate(trace, small_cluster(), policy="none", phases=small_table())


def test_nothing_served_is_not_a_number():
    result = simulate(Requests.of([0.0], [10**6], [5]), small_cluster(), policy="none",
                      phases=small_table())  # fmt: skip
    assert result.rejected == 1
    assert math.isnan(result.joules_per_token()["total"]["per_token"])
    assert math.isnan(result.percentiles(1)["ttft_s"]["p50"])
