"""Scratchpads: the program against brute force, the regimes of a toy, and real graphs."""

import dataclasses
import heapq
import itertools
import runpy
from pathlib import Path

import numpy as np
import pytest

from picojoule.cost.scratchpad import (
    Dag,
    Plan,
    Stay,
    Task,
    Tensor,
    addresses,
    dag_of,
    greedy,
    schedule,
    solve,
    stays,
)
from picojoule.cost.scratchpad.divide import orders, parts
from picojoule.errors import InputError
from picojoule.papers.cosma import TOY

IN_ORDER = tuple(enumerate(range(4)))


def random_dag(seed, tasks=5):
    """A connected-ish graph whose tasks make one tensor each and read up to three."""
    generator = np.random.default_rng(seed)
    made = [Tensor(f"t{i}", int(generator.integers(1, 9))) for i in range(tasks)]
    nodes = []
    for i in range(tasks):
        n = min(i, int(generator.integers(0, 4)))
        reads = sorted(int(r) for r in generator.choice(i, n, replace=False)) if n else []
        nodes.append(Task(f"o{i}", tuple(reads), (i,), int(generator.integers(0, 3))))
    return Dag(f"random {seed}", tuple(nodes), tuple(made))


def cheapest(dag, budget_b):
    """Least non-compulsory bytes, by Dijkstra over (tasks done, resident, in main memory)."""
    everything = frozenset(range(len(dag.tasks)))
    start = (0, (frozenset(), frozenset(), frozenset()))
    best, queue, tick = {start[1]: 0}, [(0, 0, start[1])], itertools.count()
    while queue:
        cost, _, (done, here, out) = heapq.heappop(queue)
        if done == everything:
            return cost
        for t in everything - done:
            task = dag.tasks[t]
            if any(dag.maker[i] not in done for i in task.reads):
                continue
            fetched = {*task.reads} - here
            if not fetched <= out:
                continue
            needed = {*task.reads, *task.makes}
            for n in range(len(here - needed) + 1):
                for kept in itertools.combinations(sorted(here - needed), n):
                    now = frozenset({*kept, *needed})
                    used = sum(dag.tensors[i].size_b for i in now) + task.streamed_b
                    if used > budget_b:
                        continue
                    for out_now in spills(now, out):
                        moved = sum(dag.tensors[i].size_b for i in (*fetched, *(out_now - out)))
                        state = (done | {t}, now, out_now)
                        if cost + moved < best.get(state, 1 << 60):
                            best[state] = cost + moved
                            heapq.heappush(queue, (cost + moved, next(tick), state))
    return None


def spills(now, out):
    fresh = sorted(now - out)
    for n in range(len(fresh) + 1):
        for some in itertools.combinations(fresh, n):
            yield out | frozenset(some)


@pytest.mark.parametrize("seed", range(12))
def test_the_program_finds_what_brute_force_finds(seed):
    dag = random_dag(seed)
    smallest = max(dag.needs_b(task) for task in dag.tasks)
    for budget_b in (smallest, smallest + 3):
        plan = solve(dag, budget_b)
        plan.check(dag, budget_b)
        assert plan.moved_b(dag) == cheapest(dag, budget_b)
        assert plan.bound_b == pytest.approx(plan.moved_b(dag), abs=1e-6)


@pytest.mark.parametrize("seed", range(12))
def test_plans_can_be_carried_out_and_are_ordered_by_effort(seed):
    dag = random_dag(seed, tasks=8)
    smallest = max(dag.needs_b(task) for task in dag.tasks)
    best = solve(dag, smallest)
    fixed = solve(dag, smallest, pins=tuple(enumerate(range(8))))
    divided = schedule(dag, smallest)
    by_hand = [greedy(dag, smallest, evict=e) for e in ("lru", "farthest")]
    for plan in (best, fixed, divided, *by_hand):
        plan.check(dag, smallest)
    moved = best.moved_b(dag)
    assert moved <= divided.moved_b(dag)
    assert moved <= fixed.moved_b(dag) <= min(p.moved_b(dag) for p in by_hand)


def test_more_room_never_moves_more():
    dag = random_dag(3, tasks=7)
    smallest = max(dag.needs_b(task) for task in dag.tasks)
    moved = [solve(dag, smallest + extra).moved_b(dag) for extra in range(0, 12, 3)]
    assert moved == sorted(moved, reverse=True)


def test_one_spill_and_retrieve_costs_exactly_twice_the_size():
    assert solve(TOY, 18, pins=IN_ORDER).moved_b(TOY) == 2 * TOY.tensors[0].size_b
    assert greedy(TOY, 18).moved_b(TOY) == 16


def test_nothing_moves_at_the_least_peak_of_all_orders():
    for seed in range(6):
        dag = random_dag(seed)
        runnable = (o for o in itertools.permutations(range(5)) if is_order(dag, o))
        peak = min(dag.peak_b(o) for o in runnable)
        assert solve(dag, peak).moved_b(dag) == 0
        if peak > max(dag.needs_b(task) for task in dag.tasks):
            assert solve(dag, peak - 1).moved_b(dag) > 0


def is_order(dag, order):
    place = {t: i for i, t in enumerate(order)}
    return all(place[dag.maker[i]] < place[t] for t in order for i in dag.tasks[t].reads)


@pytest.mark.parametrize("plan", [solve, greedy, schedule])
def test_below_the_largest_task_it_is_refused_by_name(plan):
    with pytest.raises(InputError, match="'big' doesn't fit") as caught:
        plan(TOY, 17)
    assert "at least 18 bytes" in str(caught.value)
    assert plan(TOY, 18).moved_b(TOY) == 16


def test_cuts_are_where_one_tensor_is_alive():
    chain = Dag(
        "diamonds",
        tuple(
            Task(f"{i}", reads, (i,))
            for i, reads in enumerate([(), (0,), (0,), (1, 2), (3,), (3,), (4, 5)])
        ),
        tuple(Tensor(f"{i}", 4) for i in range(7)),
    )
    assert [p.tasks for p in parts(chain)] == [(0,), (1, 2, 3), (4, 5, 6)]
    for budget_b in (12, 16):
        plan = schedule(chain, budget_b)
        plan.check(chain, budget_b)
        assert plan.moved_b(chain) == solve(chain, budget_b).moved_b(chain)
        assert plan.addresses


def test_orders_can_run():
    for seed in range(20):
        dag = random_dag(seed, tasks=9)
        assert all(is_order(dag, order) for order in orders(dag))


def test_addresses_fill_a_scratchpad_that_first_fit_cannot():
    # Sizes and times for which each of the three greedy orders leaves a hole too small.
    found = 0
    for seed in range(40):
        dag = random_dag(seed, tasks=9)
        smallest = max(dag.needs_b(task) for task in dag.tasks)
        plan = greedy(dag, smallest)
        placed = addresses(plan, dag, smallest)
        found += bool(placed)
        Plan(*(getattr(plan, f) for f in ("order", "resident", "spilled", "retrieved")),
             addresses=placed).check(dag, smallest)  # fmt: skip
        assert not placed or set(placed) == set(stays(plan))
    assert found >= 35


def test_a_plan_that_cannot_be_carried_out_is_refused():
    good = solve(TOY, 18, pins=IN_ORDER)

    def broken(**changes):
        return dataclasses.replace(good, **changes)

    never = tuple(frozenset() for _ in good.order)
    cases = {
        "never spilled": broken(spilled=never),
        "neither kept nor retrieved": broken(retrieved=never),
        "isn't there": broken(resident=never),
        "runs each task once": broken(order=(0, 0, 1, 2)),
        "of 17 bytes": good,
        "overlap": broken(addresses={Stay(0, 0, 1): 0, Stay(1, 1, 2): 4}),
    }
    for words, plan in cases.items():
        with pytest.raises(InputError, match=words):
            plan.check(TOY, 17 if plan is good else 18)


def test_graphs_that_are_none():
    x, y = Tensor("x", 1), Tensor("y", 1)
    with pytest.raises(InputError, match="'a' reads what is made later"):
        Dag("circle", (Task("a", (1,), (0,)), Task("b", (0,), (1,))), (x, y))
    with pytest.raises(InputError, match="one maker"):
        Dag("twice", (Task("a", (), (0,)), Task("b", (), (0,))), (x,))
    with pytest.raises(InputError, match="negative"):
        Dag("negative", (Task("a", (), (0,)),), (Tensor("x", -1),))
    assert solve(Dag("empty", (), ()), 0).order == ()


def test_sizes_of_a_traced_network_are_its_activations():
    torch = pytest.importorskip("torch")
    from picojoule.graph.trace import trace

    class Branch(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.Conv2d(3, 8, 1)

        def forward(self, x):
            return torch.cat([torch.relu(self.a(x)), self.b(x)], 1)

    dag = dag_of(trace(Branch().eval(), (torch.zeros(1, 3, 16, 16),)))
    plane = 16 * 16 * 4
    assert [t.size_b for t in dag.tensors] == [8 * plane, 8 * plane, 16 * plane]
    assert max(dag.needs_b(t) for t in dag.tasks) == 32 * plane
    assert [t.streamed_b for t in dag.tasks] == [3 * plane, 3 * plane, 0]


def test_three_real_graphs_save_80_percent_of_the_greedy_traffic():
    pytest.importorskip("torch")
    bench = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "cosma.py"))
    for name in ("inception", "nasnet", "darts"):
        found = bench["measure"](name, bench["NETWORKS"][name], 1.1)
        assert found.saved >= 0.8, found
        assert found.lru_b > 0
        assert found.placed
