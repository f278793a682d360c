"""The best schedule and spills of a small graph, as an integer linear program.

COSMA (combined operator scheduling, memory allocation and tensor replacement on scratchpads):
binaries say which task runs at each step (x), which tensors are resident (p), spilled (s) and
retrieved (r) there; least Σ size·(s + r) subject to

    one task per step, one step per task
    p[a,t] <= p[a,t-1] + r[a,t] + x[maker(a),t]      resident: kept, retrieved or just made
    r[a,t] <= Σ_{u<t} s[a,u],   Σ_t s[a,t] <= 1      retrieved only after its one spill
    s[a,t] <= p[a,t]                                  spilled only from the scratchpad
    x[o,t] <= p[a,t]                                  what a task reads and makes is resident
    Σ_a size·p[a,t] + Σ_o streamed·x[o,t] <= budget

Addresses are found afterwards, by `address`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from picojoule.cost.scratchpad.dag import Dag
from picojoule.cost.scratchpad.plan import Plan
from picojoule.errors import Inconclusive
from picojoule.ledger import Array

__all__ = ["solve"]


@dataclass
class _Rows:
    """Constraints low <= Σ coefficient·variable <= high, collected row by row."""

    rows: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)

    def add(self, terms: Sequence[tuple[int, float]], low: float, high: float) -> None:
        for column, value in terms:
            self.rows.append(len(self.low))
            self.columns.append(column)
            self.values.append(value)
        self.low.append(low)
        self.high.append(high)

    def constraint(self, width: int) -> LinearConstraint:
        shape = (len(self.low), width)
        matrix = coo_array((self.values, (self.rows, self.columns)), shape=shape).tocsc()
        return LinearConstraint(matrix, self.low, self.high)


def solve(
    dag: Dag,
    budget_b: int,
    *,
    pins: Sequence[tuple[int, int]] = (),
    time_limit_s: float = 60.0,
) -> Plan:
    """The plan that moves the fewest non-compulsory bytes.

    pins: (step, task) pairs that are fixed; the program chooses the rest of the order. The plan's
    `bound_b` equals what it moves when it is proven best under them.
    Raises InputError when the largest task doesn't fit, Inconclusive when no plan was found in
    time.
    """
    dag.check_budget(budget_b)
    if not dag.tasks:
        return Plan((), (), (), ())
    n, m = len(dag.tasks), len(dag.tensors)
    at, place = _Index(n, m), {o: t for t, o in pins}
    steps = _steps(dag, place)
    rows = _Rows()
    _ordering(rows, at)
    for i in range(m):
        _residency(rows, at, dag, i, steps[i], place)
    unit = float(max([budget_b, 1]))
    for t in range(n):
        use = [(at.p(i, t), dag.tensors[i].size_b / unit) for i in range(m)]
        streamed = [(at.x(o, t), task.streamed_b / unit) for o, task in enumerate(dag.tasks)]
        rows.add([*use, *streamed], -np.inf, budget_b / unit)
    sizes = np.repeat([tensor.size_b for tensor in dag.tensors], n) / unit
    cost = np.concatenate([np.zeros(n * n + m * n), sizes, sizes])
    low, high = np.zeros(at.width), np.ones(at.width)
    low[[at.x(o, t) for t, o in pins]] = 1.0
    for i in range(m):
        outside = [t for t in range(n) if t not in steps[i]]
        high[[where(i, t) for t in outside for where in (at.p, at.s, at.r)]] = 0.0
        high[[at.x(o, t) for t in outside for o in (dag.maker[i], *dag.readers[i])]] = 0.0
    result = milp(
        cost,
        constraints=rows.constraint(at.width),
        integrality=np.ones(at.width),
        bounds=Bounds(low, high),
        options={"time_limit": time_limit_s, "mip_rel_gap": 0.0},
    )
    if result.x is None:
        raise Inconclusive(
            f"no plan was found in {time_limit_s:g} s",
            where=dag.name,
            fix="a larger scratchpad, more time, or `schedule`, which divides the graph",
        )
    bound = 0.0 if result.mip_dual_bound is None else max(0.0, result.mip_dual_bound * unit)
    return _read(dag, at, np.rint(result.x).astype(int), bound)


@dataclass(frozen=True)
class _Index:
    """Where each variable stands: x, then resident, spilled, retrieved."""

    n: int
    m: int

    def x(self, task: int, t: int) -> int:
        return task * self.n + t

    def p(self, tensor: int, t: int) -> int:
        return self.n * self.n + tensor * self.n + t

    def s(self, tensor: int, t: int) -> int:
        return self.p(self.m + tensor, t)

    def r(self, tensor: int, t: int) -> int:
        return self.p(2 * self.m + tensor, t)

    @property
    def width(self) -> int:
        return self.p(3 * self.m, 0)


def _ordering(rows: _Rows, at: _Index) -> None:
    for k in range(at.n):
        rows.add([(at.x(k, t), 1.0) for t in range(at.n)], 1, 1)
        rows.add([(at.x(o, k), 1.0) for o in range(at.n)], 1, 1)


def _residency(
    rows: _Rows, at: _Index, dag: Dag, i: int, steps: range, place: Mapping[int, int]
) -> None:
    maker = dag.maker[i]
    rows.add([(at.s(i, t), 1.0) for t in steps], 0, 1)
    for t in steps:
        kept = [(at.p(i, t - 1), -1.0)] if t > steps.start else []
        came = [(at.r(i, t), -1.0), (at.x(maker, t), -1.0)]
        rows.add([(at.p(i, t), 1.0), *kept, *came], -np.inf, 0)
        before = range(steps.start, t)
        rows.add([(at.r(i, t), 1.0), *((at.s(i, u), -1.0) for u in before)], -np.inf, 0)
        rows.add([(at.s(i, t), 1.0), (at.p(i, t), -1.0)], -np.inf, 0)
        for o in (maker, *dag.readers[i]):
            if place.get(o, t) == t:
                rows.add([(at.x(o, t), 1.0), (at.p(i, t), -1.0)], -np.inf, 0)


def _steps(dag: Dag, place: Mapping[int, int]) -> list[range]:
    """The steps at which each tensor can be of use: not before it can be made, nor after the last
    of its readers if all of them are pinned."""
    early, end = _earliest(dag), len(dag.tasks) - 1
    return [
        range(
            place.get(maker, early[maker]),
            1 + max(place.get(o, end) for o in (maker, *dag.readers[i])),
        )
        for i, maker in enumerate(dag.maker)
    ]


def _earliest(dag: Dag) -> list[int]:
    """How many tasks have to come before each."""
    before: list[set[int]] = []
    for task in dag.tasks:
        makers = {dag.maker[i] for i in task.reads}
        before.append(makers.union(*(before[o] for o in makers)))
    return [len(b) for b in before]


def _read(dag: Dag, at: _Index, x: Array, bound: float) -> Plan:
    """The plan that the program's variables say."""
    steps = range(at.n)
    order = tuple(next(o for o in range(at.n) if x[at.x(o, t)]) for t in steps)
    resident, spilled, retrieved = (
        tuple(frozenset(i for i in range(at.m) if x[where(i, t)]) for t in steps)
        for where in (at.p, at.s, at.r)
    )
    return Plan(order, resident, spilled, retrieved, bound)
