"""Channels, sub-batches, experts, chunks: closed forms, bounds, and brute force on small cases."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from picojoule.cost.pim import (
    Channel,
    Heads,
    Task,
    attention_cycles,
    channel_loads,
    chunks,
    halves,
    imbalance,
    in_order,
    least_loaded,
    loads_by_expert,
    loads_by_token,
    makespan,
    out_of_order,
    read_placement,
    round_robin,
    split_experts,
)
from picojoule.errors import InputError

HEADS = Heads(4096, 32, 128, 4)
SECONDS = st.floats(0, 10, allow_nan=False)
SMALL = st.lists(st.integers(0, 50), min_size=1, max_size=7)


def test_cycles_of_attention_by_hand() -> None:
    # 2 pages of E/4 = 1024 elements; 3 rounds of 32 keys; 1 page of keys for 32 heads of 4 rounds
    assert attention_cycles(70, HEADS) == 2 * (100 + 184 * 3) + 1 * 32 * (100 + 184 * 4)
    assert attention_cycles(1, Heads(1, 1, 1), Channel(1, 1, 5, 7)) == 24


@given(st.integers(1, 4096))
def test_cycles_grow_with_the_context(context: int) -> None:
    assert attention_cycles(context + 1, HEADS) >= attention_cycles(context, HEADS)


@given(loads=SMALL, channels=st.integers(1, 3))
def test_least_loaded_keeps_grahams_bound(loads: list[int], channels: int) -> None:
    def busiest(placed):
        return channel_loads(loads, placed, channels).max()

    best = min(map(busiest, itertools.product(range(channels), repeat=len(loads))))
    ours = busiest(least_loaded(loads, channels))
    assert best <= ours <= (4 / 3 - 1 / (3 * channels)) * best + 1e-9


def test_more_channels_than_requests_leaves_some_idle() -> None:
    loads = channel_loads([5.0, 3.0], least_loaded([5.0, 3.0], 4), 4)
    assert sorted(loads) == [0, 0, 3, 5]
    assert imbalance(loads) == 2.5
    assert round_robin(5, 2) == [0, 1, 0, 1, 0]
    assert channel_loads([], [], 2).tolist() == [0, 0]


@pytest.mark.parametrize("call", [
    lambda: least_loaded([1.0], 0),
    lambda: least_loaded([-1.0], 2),
    lambda: least_loaded([float("nan")], 2),
    lambda: round_robin(3, 0),
    lambda: channel_loads([1.0], [2], 2),
    lambda: channel_loads([1.0], [-1], 2),
    lambda: channel_loads([1.0, 2.0], [0], 2),
    lambda: imbalance(np.zeros(3)),
    lambda: attention_cycles(0, HEADS),
    lambda: attention_cycles(5, HEADS, Channel(banks=0)),
    lambda: chunks(0, 256),
    lambda: chunks(5, 0),
    lambda: halves([-1, 2]),
    lambda: halves([10**7] * 10),
    lambda: split_experts([1.0], []),
    lambda: split_experts([float("nan")], [1.0]),
    lambda: loads_by_expert([0, 1]),
    lambda: loads_by_expert([[0.5]]),
    lambda: loads_by_token([[-1]]),
])  # fmt: skip
def test_impossible_numbers_are_refused(call) -> None:
    with pytest.raises(InputError):
        call()


@pytest.mark.parametrize(("body", "line"), [
    ("12,3\nx,4\n", 3), ("12,3\n5\n", 3), ("0,3\n", 2), ("5,-1\n", 2), ("1.5,2\n", 2),
])  # fmt: skip
def test_a_bad_placement_names_its_line(tmp_path: Path, body: str, line: int) -> None:
    file = tmp_path / "rr.csv"
    file.write_text("seq_len,ch_idx\n" + body)
    with pytest.raises(InputError) as caught:
        read_placement(file)
    assert caught.value.where == f"rr.csv:{line}"


def test_a_placement_is_read(tmp_path: Path) -> None:
    file = tmp_path / "rr.csv"
    file.write_text("seq_len,ch_idx\n2048,30\n12,0\n")
    assert read_placement(file) == ([2048, 12], [30, 0])
    for bad in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(InputError, match="can't read"):
            read_placement(bad)
    file.write_bytes(b"seq_len,ch_idx\n\xff,0\n")
    with pytest.raises(InputError, match="can't read"):
        read_placement(file)


@given(SMALL)
def test_halves_are_as_equal_as_can_be(loads: list[int]) -> None:
    first, second = halves(loads)
    assert sorted(first + second) == list(range(len(loads)))
    ours = abs(sum(loads[i] for i in first) - sum(loads[i] for i in second))
    subsets = itertools.product([False, True], repeat=len(loads))
    best = min(abs(sum(x if s else -x for x, s in zip(loads, sub, strict=True))) for sub in subsets)
    assert ours == best


def two_units(draw_seconds: list[float], edges: list[int]) -> list[Task]:
    """Tasks that alternate between two units; bit j of edge i says whether i awaits j."""
    return [
        Task(str(i), "ab"[i % 2], t, tuple(str(j) for j in range(i) if edges[i] >> j & 1))
        for i, t in enumerate(draw_seconds)
    ]


DAGS = st.lists(st.tuples(SECONDS, st.integers(0, 255)), min_size=1, max_size=8).map(
    lambda rows: two_units([t for t, _ in rows], [e for _, e in rows])
)


@given(DAGS)
def test_schedules_are_valid_and_within_bounds(tasks: list[Task]) -> None:
    chain: dict[str, float] = {}
    for task in tasks:
        chain[task.name] = task.time_s + max((chain[n] for n in task.after), default=0.0)
    work = {u: sum(t.time_s for t in tasks if t.unit == u) for u in "ab"}
    for schedule in (in_order(tasks), out_of_order(tasks)):
        ends = {p.task.name: p.end_s for p in schedule}
        assert set(ends) == {t.name for t in tasks}
        assert all(p.start_s >= ends[n] - 1e-9 for p in schedule for n in p.task.after)
        for unit in "ab":
            busy = sorted((p.start_s, p.end_s) for p in schedule if p.task.unit == unit)
            assert all(a[1] <= b[0] + 1e-9 for a, b in itertools.pairwise(busy))
        least = max(*chain.values(), *work.values())
        assert least - 1e-9 <= makespan(schedule) <= sum(work.values()) + 1e-9


def test_out_of_order_fills_the_wait_and_is_the_best_here() -> None:
    # a1 waits for b0; in order a2 waits behind it.
    tasks = [Task("b0", "b", 4), Task("a1", "a", 1, ("b0",)), Task("a2", "a", 4)]
    assert makespan(in_order(tasks)) == 9
    assert makespan(out_of_order(tasks)) == 5


def test_halves_interleave_as_a_pipeline() -> None:
    """Two halves of equal work on two units overlap in all but the first and last part."""
    layers = 10
    tasks = []
    for i in range(layers):
        for p in "xy":
            before = (f"m{i - 1}{p}",) if i else ()
            tasks.append(Task(f"n{i}{p}", "npu", 1.0, before))
            tasks.append(Task(f"m{i}{p}", "pim", 1.0, (f"n{i}{p}",)))
    assert makespan(out_of_order(tasks)) == 2 * layers + 1  # one after the other: 4 * layers


@pytest.mark.parametrize(("tasks", "message"), [
    ([Task("a", "u", 1), Task("a", "u", 1)], "one name"),
    ([Task("a", "u", -1)], "so long"),
    ([Task("a", "u", float("nan"))], "so long"),
    ([Task("a", "u", 1, ("z",))], "unknown"),
    ([Task("a", "u", 1, ("b",)), Task("b", "u", 1, ("a",))], "cycle|comes before"),
])  # fmt: skip
@pytest.mark.parametrize("schedule", [in_order, out_of_order])
def test_impossible_tasks_are_refused(schedule, tasks, message) -> None:
    with pytest.raises(InputError, match=message):
        schedule(tasks)


def test_no_tasks_take_no_time() -> None:
    assert makespan(out_of_order([])) == 0


@given(st.integers(1, 5000), st.integers(1, 600))
def test_chunks_cover_the_prompt(length: int, size: int) -> None:
    number, padding = chunks(length, size)
    assert (number - 1) * size < length <= number * size
    assert padding * number * size == pytest.approx(number * size - length, abs=1e-6)


@given(st.lists(st.tuples(SECONDS, SECONDS), max_size=7))
def test_a_split_of_experts_is_never_worse_than_one_side(times) -> None:
    host, memory = [h for h, _ in times], [m for _, m in times]
    chosen, end = split_experts(host, memory)
    sides = (sum(memory[i] for i in chosen),
             sum(h for i, h in enumerate(host) if i not in chosen))  # fmt: skip
    assert end == pytest.approx(max(sides))
    best = min(
        max(sum(memory[i] for i in s), sum(h for i, h in enumerate(host) if i not in s))
        for size in range(len(times) + 1)
        for s in itertools.combinations(range(len(times)), size)
    )
    assert best - 1e-9 <= end <= min(sum(host), sum(memory)) + 1e-9
    # Fractional splits along this order are optimal, so one expert's time is the most that is lost.
    assert end <= best + max((min(h, m) for h, m in times), default=0) + 1e-9


def test_experts_are_read_once_each() -> None:
    choices = [[0, 3], [3, 5], [0, 3]]
    assert loads_by_token(choices) == 6
    assert loads_by_expert(choices) == 3
