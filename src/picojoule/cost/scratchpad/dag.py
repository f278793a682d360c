"""What a scratchpad schedule is about: tasks, the tensors between them, and their bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from picojoule.cost.fuse import fuse
from picojoule.errors import InputError
from picojoule.graph import Graph, Op, Role

__all__ = ["Dag", "Task", "Tensor", "dag_of"]


@dataclass(frozen=True, slots=True)
class Tensor:
    """Data that one task makes and others read. size_b: bytes."""

    name: str
    size_b: int


@dataclass(frozen=True, slots=True)
class Task:
    """A kernel. reads, makes: numbers of tensors, all of which it needs in the scratchpad at once.
    streamed_b: bytes of its inputs from outside, which it needs beside them."""

    name: str
    reads: tuple[int, ...]
    makes: tuple[int, ...]
    streamed_b: int = 0


@dataclass(frozen=True)
class Dag:
    """Tasks in an order in which they can run.

    Raises InputError for a negative size, a tensor that two tasks make or none does, and a task
    that reads what is made later (a cycle has no order).
    """

    name: str
    tasks: tuple[Task, ...]
    tensors: tuple[Tensor, ...]

    def __post_init__(self) -> None:
        if any(t.size_b < 0 for t in self.tensors) or any(t.streamed_b < 0 for t in self.tasks):
            raise InputError("a tensor of negative size", where=self.name)
        made = sorted(i for task in self.tasks for i in task.makes)
        if made != list(range(len(self.tensors))):
            raise InputError("each tensor needs one maker", where=self.name, got=made)
        done: set[int] = set()
        for task in self.tasks:
            if late := [self.tensors[i].name for i in task.reads if i not in done]:
                raise InputError(
                    f"task {task.name!r} reads what is made later",
                    where=self.name,
                    got=", ".join(late),
                    fix="order the tasks by their data; a cycle has no such order",
                )
            done.update(task.makes)

    @cached_property
    def maker(self) -> tuple[int, ...]:
        """The task that makes each tensor."""
        makers = {i: t for t, task in enumerate(self.tasks) for i in task.makes}
        return tuple(makers[i] for i in range(len(self.tensors)))

    @cached_property
    def readers(self) -> tuple[tuple[int, ...], ...]:
        """The tasks that read each tensor."""
        return tuple(
            tuple(t for t, task in enumerate(self.tasks) if i in task.reads)
            for i in range(len(self.tensors))
        )

    def needs_b(self, task: Task) -> int:
        """Bytes that `task` needs at once."""
        parts = {*task.reads, *task.makes}
        return task.streamed_b + sum(self.tensors[i].size_b for i in parts)

    def check_budget(self, budget_b: int) -> None:
        """Raises InputError, with the task and its bytes, when the largest task doesn't fit."""
        largest = max(self.tasks, key=self.needs_b, default=None)
        if largest is not None and self.needs_b(largest) > budget_b:
            raise InputError(
                f"task {largest.name!r} doesn't fit the scratchpad",
                where=self.name,
                got=f"{budget_b} bytes",
                expected=f"at least {self.needs_b(largest)} bytes, the smallest that is feasible",
                fix="a larger scratchpad, or tile this op",
            )

    def peak_b(self, order: Iterable[int]) -> int:
        """The most bytes alive at once when tasks run in `order` and nothing is spilled."""
        left = [len(r) for r in self.readers]
        alive, peak = 0, 0
        for t in order:
            task = self.tasks[t]
            alive += sum(self.tensors[i].size_b for i in task.makes)
            peak = max(peak, alive + task.streamed_b)
            for i in {*task.reads, *task.makes}:
                left[i] -= i in task.reads
                alive -= self.tensors[i].size_b if not left[i] else 0
        return peak


def dag_of(graph: Graph, *, fused: bool = True) -> Dag:
    """The tasks of `graph` and the activations between them; weights stream beside.

    fused: elementwise ops and norms run in their producer's kernel. Ops that pass data on chip
    are one task. Ops without activations are left out.
    """
    run = fuse(graph) if fused else graph
    group = _groups(run)
    readers: dict[int, set[int]] = {}
    for e in run.edges:
        if group[e.source] != group[e.target]:
            readers.setdefault(e.source, set()).add(group[e.target])
    last = [i for i, op in enumerate(run.ops) if i not in {e.source for e in run.edges}]
    made = sorted({*readers, *(i for i in last if _output_b(run.ops[i]))})
    number = {source: i for i, source in enumerate(made)}
    reads: dict[int, list[int]] = {}
    for source, targets in readers.items():
        for target in targets:
            reads.setdefault(target, []).append(number[source])
    members: dict[int, list[int]] = {}
    for i, g in enumerate(group):
        members.setdefault(g, []).append(i)
    fed = {(e.target, e.operand) for e in run.edges}
    tasks = [
        Task(
            run.ops[ops[0]].name,
            tuple(sorted(reads.get(g, ()))),
            tuple(number[i] for i in ops if i in number),
            sum(_outside_b(run.ops[i], i, fed) for i in ops),
        )
        for g, ops in sorted(members.items(), key=lambda item: max(item[1]))
    ]
    tensors = tuple(Tensor(run.ops[i].name, _output_b(run.ops[i])) for i in made)
    return Dag(graph.name, tuple(t for t in tasks if t.reads or t.makes), tensors)


def _groups(graph: Graph) -> list[int]:
    """The number of the first op of each op's kernel."""
    group = list(range(len(graph.ops)))
    for e in graph.edges:
        if graph.ops[e.target].operands[e.operand].on_chip:
            old, new = group[e.target], group[e.source]
            group = [new if g == old else g for g in group]
    return group


def _output_b(op: Op) -> int:
    outputs = (o for o in op.operands if o.role is Role.OUTPUT and not o.on_chip)
    return int(sum(op.bytes_of(o) for o in outputs))


def _outside_b(op: Op, index: int, fed: set[tuple[int, int]]) -> int:
    return int(
        sum(
            op.bytes_of(o)
            for i, o in enumerate(op.operands)
            if o.role is Role.INPUT and not o.on_chip and (index, i) not in fed
        )
    )
