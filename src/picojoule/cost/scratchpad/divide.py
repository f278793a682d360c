"""Divide and conquer: cut the graph where one tensor is alive, solve the parts, join the plans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from picojoule.cost.scratchpad.address import addresses
from picojoule.cost.scratchpad.dag import Dag, Task
from picojoule.cost.scratchpad.greedy import greedy
from picojoule.cost.scratchpad.ilp import solve
from picojoule.cost.scratchpad.plan import Plan
from picojoule.errors import Inconclusive

__all__ = ["Part", "orders", "parts", "schedule"]

_FREE = 12  # tasks of a part whose order the program chooses; larger parts choose among `orders`


class Part(NamedTuple):
    """A stretch of a graph. tasks: their numbers in the graph, without the task of `dag` that
    brings the tensor of the cut before. tensors: likewise. brings: whether there is such a task,
    and so a first one; ends: whether its last task makes the tensor of the next cut."""

    dag: Dag
    tasks: tuple[int, ...]
    tensors: tuple[int, ...]
    brings: bool
    ends: bool


def schedule(dag: Dag, budget_b: int, *, time_limit_s: float = 60.0) -> Plan:
    """A plan with few non-compulsory bytes, and addresses where some were found.

    Where one tensor alone is alive between two tasks, plans of both sides join into one. A part
    of up to 12 tasks is solved with its order free, a larger one in the best of a few orders, so
    `bound_b` is 0 unless the graph is a single small part. time_limit_s: for each program.
    Raises InputError, with the task and the bytes, when the largest task doesn't fit.
    """
    dag.check_budget(budget_b)
    found = list(parts(dag))
    plan = _join([(part, _solve(part, budget_b, time_limit_s)) for part in found])
    return replace(plan, addresses=addresses(plan, dag, budget_b))


def parts(dag: Dag) -> Iterator[Part]:
    """The graph, cut after each task whose result alone is alive then."""
    tasks: list[int] = []
    brought: tuple[int, ...] = ()
    for t in range(len(dag.tasks)):
        tasks.append(t)
        alive = _alive_after(dag, t)
        cut = len(alive) == 1 and dag.maker[alive[0]] == t
        if cut or t == len(dag.tasks) - 1:
            yield _part(dag, tuple(tasks), brought, cut)
            tasks, brought = [], alive


def _alive_after(dag: Dag, t: int) -> tuple[int, ...]:
    return tuple(
        i
        for i, readers in enumerate(dag.readers)
        if dag.maker[i] <= t and any(r > t for r in readers)
    )


def _part(dag: Dag, tasks: tuple[int, ...], brought: tuple[int, ...], ends: bool) -> Part:
    tensors = (*brought, *(i for t in tasks for i in dag.tasks[t].makes))
    number = {tensor: n for n, tensor in enumerate(tensors)}
    bring = [Task("(cut)", (), tuple(number[i] for i in brought))] if brought else []
    kept = [
        Task(
            task.name,
            tuple(number[i] for i in task.reads),
            tuple(number[i] for i in task.makes),
            task.streamed_b,
        )
        for task in (dag.tasks[t] for t in tasks)
    ]
    inside = tuple(dag.tensors[i] for i in tensors)
    return Part(Dag(dag.name, (*bring, *kept), inside), tasks, tensors, bool(brought), ends)


def _solve(part: Part, budget_b: int, time_limit_s: float) -> Plan:
    """The best plan found that begins and ends where the part does."""
    dag, last = part.dag, len(part.dag.tasks) - 1
    allowed = [
        order
        for order in orders(dag)
        if (not part.brings or order[0] == 0) and (not part.ends or order[-1] == last)
    ]
    for order in allowed:
        if dag.peak_b(order) <= budget_b:  # nothing has to move
            return greedy(dag, budget_b, order, "farthest")
    if len(dag.tasks) <= _FREE:
        pins = ((0, 0),) * part.brings + ((last, last),) * part.ends
        return solve(dag, budget_b, pins=pins, time_limit_s=time_limit_s)
    tries = [_in_order(dag, budget_b, order, time_limit_s) for order in allowed]
    return min(tries, key=lambda plan: plan.moved_b(dag))


def _in_order(dag: Dag, budget_b: int, order: Sequence[int], time_limit_s: float) -> Plan:
    by_hand = greedy(dag, budget_b, order, "farthest")
    try:
        pins = tuple(enumerate(order))
        plan = solve(dag, budget_b, pins=pins, time_limit_s=time_limit_s)
    except Inconclusive:
        return by_hand
    plan = min(plan, by_hand, key=lambda p: p.moved_b(dag))
    return replace(plan, bound_b=0.0)  # proven for this order only


def orders(dag: Dag) -> list[tuple[int, ...]]:
    """Orders worth trying, without repetition: the graph's own; the task that leaves the fewest
    bytes alive next; one branch to its end before the next. The last two keep the first task."""
    found = [tuple(range(len(dag.tasks)))]
    found += [_smallest_first(dag, deep=deep) for deep in (False, True)]
    return list(dict.fromkeys(found))


def _smallest_first(dag: Dag, *, deep: bool) -> tuple[int, ...]:
    done: list[int] = []
    there: set[int] = set()
    left = [len(r) for r in dag.readers]
    while len(done) < len(dag.tasks):
        ready = [t for t, k in enumerate(dag.tasks) if t not in done and {*k.reads} <= there]
        recent = {*dag.tasks[done[-1]].makes} if done else set[int]()

        def worth(t: int, recent: set[int] = recent) -> tuple[int, ...]:
            task = dag.tasks[t]
            adds = sum(dag.tensors[i].size_b for i in task.makes)
            frees = sum(dag.tensors[i].size_b for i in task.reads if left[i] == 1)
            follows = deep and bool(recent & {*task.reads})
            return (t != 0 and not done, t == len(dag.tasks) - 1, not follows, adds - frees, t)

        chosen = min(ready, key=worth)
        done.append(chosen)
        there.update(dag.tasks[chosen].makes)
        for i in dag.tasks[chosen].reads:
            left[i] -= 1
    return tuple(done)


def _join(solved: Sequence[tuple[Part, Plan]]) -> Plan:
    """One plan from those of the parts, in the numbers of the whole graph."""
    order: list[int] = []
    resident, spilled, retrieved = (list[frozenset[int]]() for _ in range(3))
    for part, plan in solved:
        for step, task in enumerate(plan.order):
            here, out, back = (
                frozenset(part.tensors[i] for i in column[step])
                for column in (plan.resident, plan.spilled, plan.retrieved)
            )
            if part.brings and step == 0:
                spilled[-1] |= out  # the cut's tensor was made in the step before
                continue
            order.append(part.tasks[task - part.brings])
            resident.append(here)
            spilled.append(out)
            retrieved.append(back)
    bound = solved[0][1].bound_b if len(solved) == 1 else 0.0
    return Plan(tuple(order), tuple(resident), tuple(spilled), tuple(retrieved), bound)
