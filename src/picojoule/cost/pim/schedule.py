"""Work on several units at once: tasks with dependencies, in the order told or as they get ready.

One scheduler serves sub-batches that share an NPU and a memory (NeuPIMs, arXiv 2403.00579) and
chunks of a prompt that share an NPU and a CPU (mllm-NPU, arXiv 2407.05858).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from picojoule.errors import InputError

__all__ = ["Placed", "Task", "chunks", "halves", "in_order", "makespan", "out_of_order"]

MAX_STEPS = 50_000_000  # of the table that `halves` fills


@dataclass(frozen=True, slots=True)
class Task:
    """`time_s` seconds of work on `unit`, after the tasks with the names `after`."""

    name: str
    unit: str
    time_s: float
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Placed:
    """When a task starts and ends."""

    task: Task
    start_s: float
    end_s: float


def in_order(tasks: Sequence[Task]) -> list[Placed]:
    """Each unit runs its tasks in the order told, each as soon as what it awaits has ended.

    Raises InputError for a task that comes before what it awaits, as for all that `_check` finds.
    """
    _check(tasks)
    free: dict[str, float] = {}
    done: dict[str, Placed] = {}
    for task in tasks:
        if missing := [name for name in task.after if name not in done]:
            raise InputError(f"task {task.name!r} comes before {missing[0]!r}, which it awaits")
        _place(task, free, done)
    return list(done.values())


def out_of_order(tasks: Sequence[Task]) -> list[Placed]:
    """List scheduling: whenever a unit is free it starts a ready task of its own, the one with the
    longest chain of work behind it first.

    Never later than the sum of all tasks; not always earlier than in order (Graham's anomalies).
    Raises InputError for a cycle, an unknown task, one name twice or a time that isn't ≥ 0.
    """
    _check(tasks)
    rank = _work_behind(tasks)
    free: dict[str, float] = {}
    done: dict[str, Placed] = {}
    left = list(tasks)
    while left:
        ready = [t for t in left if all(name in done for name in t.after)]
        # Of the tasks that could start first, the one with most work behind it.
        task = min(ready, key=lambda t: (_start(t, free, done), -rank[t.name]))
        _place(task, free, done)
        left.remove(task)
    return list(done.values())


def makespan(schedule: Sequence[Placed]) -> float:
    """Seconds until the last task has ended."""
    return max((placed.end_s for placed in schedule), default=0.0)


def chunks(length: int, size: int) -> tuple[int, float]:
    """Chunks of a prompt of `length` tokens, and the share of their tokens that is padding.

    ceil(L/C) chunks run in ceil(L/C) times the time of one. Raises InputError below 1 token.
    """
    if length < 1 or size < 1:
        raise InputError("a chunk needs tokens", got=(length, size), expected="at least 1")
    number = math.ceil(length / size)
    return number, 1 - length / (number * size)


def halves(loads: Sequence[int]) -> tuple[list[int], list[int]]:
    """Indices of `loads` in two parts whose sums differ as little as can be.

    Dynamic programming over the sums that can be reached. Raises InputError for loads below 0,
    and where requests × total load is above 5e7 (scale the loads down).
    """
    if any(load < 0 for load in loads):
        raise InputError("a load is below 0", got=min(loads))
    if (steps := len(loads) * sum(loads)) > MAX_STEPS:
        raise InputError("too large a table to halve these loads", got=steps, expected=MAX_STEPS,
                         fix="divide the loads by a common unit")  # fmt: skip
    reached = [1]  # bit s of entry i: the first i loads have a subset of sum s
    for load in loads:
        reached.append(reached[-1] | reached[-1] << load)
    target = next(s for s in range(sum(loads) // 2, -1, -1) if reached[-1] >> s & 1)
    first = []
    for i in range(len(loads) - 1, -1, -1):
        if not reached[i] >> target & 1:
            first.append(i)
            target -= loads[i]
    return first[::-1], sorted(set(range(len(loads))) - set(first))


def _start(task: Task, free: dict[str, float], done: dict[str, Placed]) -> float:
    return max([free.get(task.unit, 0.0), *(done[name].end_s for name in task.after)])


def _place(task: Task, free: dict[str, float], done: dict[str, Placed]) -> None:
    start = _start(task, free, done)
    done[task.name] = Placed(task, start, start + task.time_s)
    free[task.unit] = start + task.time_s


def _check(tasks: Sequence[Task]) -> None:
    names = [task.name for task in tasks]
    if len(set(names)) < len(names):
        raise InputError("two tasks have one name", got=sorted(names))
    for task in tasks:
        if not (math.isfinite(task.time_s) and task.time_s >= 0):
            raise InputError(f"task {task.name!r} can't take so long", got=task.time_s)
        if unknown := set(task.after) - set(names):
            raise InputError(f"task {task.name!r} awaits an unknown one", got=sorted(unknown))


def _work_behind(tasks: Sequence[Task]) -> dict[str, float]:
    """Seconds of each task and of the longest chain that awaits it. Raises for a cycle."""
    awaited_by: dict[str, list[str]] = {task.name: [] for task in tasks}
    for task in tasks:
        for name in task.after:
            awaited_by[name].append(task.name)
    seconds = {task.name: task.time_s for task in tasks}
    behind: dict[str, float] = {}
    left = dict(awaited_by)
    while ready := [name for name, later in left.items() if all(x in behind for x in later)]:
        for name in ready:
            behind[name] = seconds[name] + max((behind[x] for x in left.pop(name)), default=0.0)
    if left:
        raise InputError("tasks await each other in a cycle", got=sorted(left))
    return behind
