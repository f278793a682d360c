"""A schedule on a scratchpad: what runs when, what is resident, what is spilled and retrieved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from picojoule.cost.scratchpad.dag import Dag
from picojoule.errors import InputError

__all__ = ["Plan", "Stay", "stays"]


class Stay(NamedTuple):
    """A tensor in the scratchpad from one step to another, both included."""

    tensor: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Tasks in `order`. resident: tensors in the scratchpad during each step. spilled, retrieved:
    tensors written to and read from main memory at each step, beyond what the network's inputs,
    weights and outputs need. bound_b: no plan moves fewer bytes (0 where nothing is proven).
    addresses: the first byte of each stay."""

    order: tuple[int, ...]
    resident: tuple[frozenset[int], ...]
    spilled: tuple[frozenset[int], ...]
    retrieved: tuple[frozenset[int], ...]
    bound_b: float = 0.0
    addresses: Mapping[Stay, int] = field(default_factory=dict)

    def moved_b(self, dag: Dag) -> int:
        """Non-compulsory bytes to and from main memory."""
        events = (*self.spilled, *self.retrieved)
        return sum(dag.tensors[i].size_b for step in events for i in step)

    def check(self, dag: Dag, budget_b: int) -> None:
        """Replays the plan. Raises InputError at the first step that can't be carried out."""
        here: frozenset[int] = frozenset()
        outside: set[int] = set()
        if sorted(self.order) != list(range(len(dag.tasks))):
            raise InputError("a plan runs each task once", where=dag.name, got=self.order)
        for step, t in enumerate(self.order):
            task, now = dag.tasks[t], self.resident[step]
            came = now - here - {*task.makes}
            used = sum(dag.tensors[i].size_b for i in now) + task.streamed_b
            wrong = {
                "reads what isn't there": not {*task.reads, *task.makes} <= now,
                "retrieves what was never spilled": not self.retrieved[step] <= outside,
                "has what was neither kept nor retrieved": not came <= self.retrieved[step],
                "spills what isn't there": not self.spilled[step] <= now,
                f"needs {used} of {budget_b} bytes": used > budget_b,
            }
            if what := [words for words, is_so in wrong.items() if is_so]:
                raise InputError(f"step {step} {what[0]}", where=task.name)
            outside |= self.spilled[step]
            here = now
        _check_addresses(self, dag, budget_b)


def stays(plan: Plan) -> list[Stay]:
    """The times for which each tensor stays without a break."""
    found: list[Stay] = []
    since: dict[int, int] = {}
    for step, now in enumerate((*plan.resident, frozenset[int]())):
        came = plan.retrieved[step] if step < len(plan.order) else frozenset[int]()
        for i in [i for i in since if i not in now or i in came]:
            found.append(Stay(i, since.pop(i), step - 1))
        since |= {i: step for i in now if i not in since}
    return found


def _check_addresses(plan: Plan, dag: Dag, budget_b: int) -> None:
    placed = [(s, at, at + dag.tensors[s.tensor].size_b) for s, at in plan.addresses.items()]
    for n, (a, low, high) in enumerate(placed):
        for b, start, end in placed[:n]:
            together = a.first <= b.last and b.first <= a.last
            if high > budget_b or (together and low < end and start < high):
                names = f"{dag.tensors[a.tensor].name} and {dag.tensors[b.tensor].name}"
                raise InputError("tensors overlap in the scratchpad", where=names)
