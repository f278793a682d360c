"""Federated clients: closed forms, brute force, conservation of time and energy."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picojoule.cluster.fleet import (
    Asynchronous,
    Client,
    Compass,
    EnergyAware,
    Synchronous,
    cheapest_round,
    simulate_fleet,
)
from picojoule.cluster.fleet.energy_aware import round_energy_j
from picojoule.cluster.fleet.staleness import hinge, polynomial
from picojoule.errors import InputError

POLICIES = {
    "synchronous": Synchronous,
    "asynchronous": Asynchronous,
    "compass": Compass,
    "compass, speeds unknown": lambda: Compass(known=False),
    "energy-aware": EnergyAware,
}


def fleet(slowest: float, n: int = 8, **more: float) -> list[Client]:
    paces = np.linspace(1, slowest, n).tolist()
    return [Client(f"c{i}", 1 / s, 10.0, 3.0, **more) for i, s in enumerate(paces)]


clients = st.lists(
    st.builds(
        lambda v, busy, idle, t, j: Client("?", v, busy, idle, t, j),
        st.floats(0.1, 10), st.floats(0, 20), st.floats(0, 5), st.floats(0, 3), st.floats(0, 9),
    ),
    min_size=1, max_size=4,
).map(lambda cs: [Client(f"c{i}", c.steps_per_s, c.busy_w, c.idle_w, c.exchange_s, c.exchange_j)
                  for i, c in enumerate(cs)])  # fmt: skip


@pytest.mark.parametrize("name", POLICIES)
@settings(max_examples=25, deadline=None)
@given(fleet=clients, jitter=st.sampled_from([0.0, 0.5]), seed=st.integers(0, 9))
def test_time_and_energy_are_conserved(name, fleet, jitter, seed):
    result = simulate_fleet(fleet, POLICIES[name](), 500.0, jitter=jitter, seed=seed)
    total = result.busy_s + result.exchange_s + result.idle_s
    assert total == pytest.approx(np.full(len(fleet), 500.0))
    assert (result.idle_s >= -1e-6).all()
    if not jitter:
        capacity = np.array([c.steps_per_s for c in fleet]) * result.busy_s
        assert (result.steps <= capacity + 1e-6).all()
        assert (result.steps > capacity - 1 - len(result.given)).all()
    ledger = result.ledger()
    assert ledger.total().energy.value == pytest.approx(result.energy_j)
    busy_j = sum(c.busy_w * s for c, s in zip(fleet, result.busy_s, strict=True))
    assert ledger.where(component="busy").total().energy.value == pytest.approx(busy_j)
    times = [m.time_s for m in result.merges]
    assert times == sorted(times)
    assert all(s >= 0 for m in result.merges for s in m.staleness)
    assert all(len(set(m.clients)) == len(m.clients) for m in result.merges)
    again = simulate_fleet(fleet, POLICIES[name](), 500.0, jitter=jitter, seed=seed)
    assert again.energy_j == result.energy_j


@pytest.mark.parametrize(("slowest", "idle", "steps", "more"), [
    (1, 0.0, 400_000, 400_000), (2, 0.25, 200_000, 278_000), (5, 0.40, 80_000, 171_000),
])  # fmt: skip
def test_waiting_in_step_and_with_compass(slowest, idle, steps, more):
    sync = simulate_fleet(fleet(slowest), Synchronous(), 50_000)
    assert sync.idle_share == pytest.approx(idle, abs=1e-9)  # 1 − mean pace / slowest pace
    assert sync.steps.sum() == steps
    compass = simulate_fleet(fleet(slowest), Compass(), 50_000)
    assert compass.idle_share <= (0.03 if slowest > 1 else 1e-9)
    assert compass.steps.sum() == pytest.approx(more, rel=0.02)
    assert 20 <= min(compass.given) <= max(compass.given) <= 100
    nobody_waits = simulate_fleet(fleet(slowest), Asynchronous(), 50_000)
    assert nobody_waits.idle_share == pytest.approx(0, abs=1e-9)
    if slowest > 1:
        stale = max(max(m.staleness) for m in nobody_waits.merges)
        assert max(max(m.staleness) for m in compass.merges) < stale


def test_compass_copes_with_clients_that_change_speed():
    noisy = simulate_fleet(fleet(5), Compass(), 50_000, jitter=0.3, seed=3)
    sync = simulate_fleet(fleet(5), Synchronous(), 50_000, jitter=0.3, seed=3)
    assert noisy.steps.sum() > 1.5 * sync.steps.sum()
    assert noisy.idle_share < sync.idle_share
    assert 20 <= min(noisy.given) <= max(noisy.given) <= 100


def test_a_late_client_is_merged_with_the_next_group():
    """A client that takes twice as long as planned misses its group, and is not lost."""
    policy = Compass(most=10, least=2)
    pair = [Client("a", 1.0, 1, 0), Client("b", 1.0, 1, 0)]
    assert [s.steps for s in policy.begin(pair).started] == [10, 10]
    assert policy.act(10.0, 0).started == ()
    assert policy.alarm_s == 15.0
    timed = policy.act(15.0, None)
    assert timed.merged == (0,)
    late = policy.act(20.0, 1)
    assert late.merged == ()
    assert [s.client for s in late.started] == [1]
    assert policy.act(25.0, 0).merged in ((1, 0), ())


@settings(max_examples=60, deadline=None)
@given(clients.filter(lambda c: len(c) <= 3), st.integers(1, 3), st.integers(0, 3), st.data())
def test_the_cheapest_round_agrees_with_brute_force(fleet, least, spread, data):
    most, n = least + spread, len(fleet)
    every = list(itertools.product(range(least, most + 1), repeat=n))
    total = data.draw(st.integers(n * least, n * most))
    fixed = cheapest_round(fleet, least, most, total)
    assert sum(fixed) == total
    best = min(round_energy_j(fleet, q) for q in every if sum(q) == total)
    assert round_energy_j(fleet, fixed) == pytest.approx(best, abs=1e-9)
    free = cheapest_round(fleet, least, most)
    best = min(round_energy_j(fleet, q) / sum(q) for q in every)
    assert round_energy_j(fleet, free) / sum(free) == pytest.approx(best, abs=1e-9)


def test_energy_aware_costs_no_more_a_step_than_rounds_of_equal_steps():
    mixed = [Client("phone", 1.0, 4, 0.5), Client("desktop", 3.0, 90, 40), Client("pi", 0.2, 6, 3)]
    aware = simulate_fleet(mixed, EnergyAware(), 50_000).joule_per_step
    equal = simulate_fleet(mixed, Synchronous(100), 50_000).joule_per_step
    assert aware < 0.75 * equal


def test_stale_updates_count_for_less():
    for weight in (polynomial, hinge):
        weights = [weight(u) for u in range(30)]
        assert weights[0] == 1
        assert weights == sorted(weights, reverse=True)
        assert weights[-1] < 0.5
    with pytest.raises(InputError):
        polynomial(3, -0.5)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_a_speed_that_is_not_possible(bad):
    with pytest.raises(InputError, match="some speed"):
        Client("c", bad, 1, 1)


def test_what_is_not_possible_is_refused():
    one = [Client("c", 1, 1, 1)]
    with pytest.raises(InputError, match="no clients"):
        simulate_fleet([], Synchronous(), 1)
    with pytest.raises(InputError, match="one name"):
        simulate_fleet(one * 2, Synchronous(), 1)
    for wrong in (0, -1, math.inf, math.nan):
        with pytest.raises(InputError):
            simulate_fleet(one, Synchronous(), wrong)
    with pytest.raises(InputError):
        Client("c", 1, -1, 0)
    for wrong in (lambda: Compass(10, 20), lambda: Compass(late=0.5), lambda: Synchronous(0),
                  lambda: Asynchronous(0), lambda: EnergyAware(5, 0)):  # fmt: skip
        with pytest.raises(InputError):
            wrong()
    with pytest.raises(InputError, match="don't fit"):
        cheapest_round(one, 1, 5, 6)
