"""explore: price designs of a space until they are all known, or the budget is spent."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path

from picojoule.chips import Chip
from picojoule.cost.spatial import Effort
from picojoule.errors import InputError, nearest
from picojoule.graph import Graph
from picojoule.search.explore.area import area_mm2
from picojoule.search.explore.front import (
    DesignFront,
    Point,
    Status,
    dominated_share,
    non_dominated,
)
from picojoule.search.explore.limits import no_design
from picojoule.search.explore.price import EFFORT, Cost, price
from picojoule.search.explore.propose import Proposer, proposer_of
from picojoule.search.explore.space import OBJECTIVES, Design, Space, Value
from picojoule.search.explore.trials import Trials, study_of
from picojoule.search.explore.vary import vary

__all__ = ["explore"]

BATCH = 16
"""Designs proposed at a time: the same whatever the executor, so that it can't change a result."""

_LOOKS = 50
"""A sampler that proposes this many times the budget finds little that is small enough."""


def explore(
    space: Space,
    workloads: Mapping[str, Graph],
    *,
    objectives: Sequence[str] = OBJECTIVES,
    budget: int = 200,
    sampler: str = "auto",
    seed: int = 0,
    trials: Path | None = None,
    executor: Executor | None = None,
    effort: Effort = EFFORT,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> DesignFront:
    """The designs of `space` that no other beats in joules, seconds and mm².

    workloads: graphs by name; a design's energy and latency are those of one run of each.
    budget: how many designs are priced at most; a space that is no larger is searched whole.
    Designs above the area limit are not priced and don't count. sampler: "all", "learn" (Optuna),
    "random", or "auto": all if the budget allows, else learn. trials: file of finished designs,
    which resumes a search. executor: prices designs in parallel and changes no result. tell: is
    given how many are priced, and of how many.

    Ctrl-C ends the search with what it has. Raises InputError for objectives that are not known or
    have no value here, no workloads, and for limits that no design keeps, with the nearest.
    """
    study = study_of(space.chip, workloads, space.node_nm, effort)
    run = _Run(space, dict(workloads), _checked(objectives), budget, executor, effort,
               Trials(trials, study), tell)  # fmt: skip
    run.check()
    proposer = proposer_of(sampler, space, budget, len(run.objectives), seed)
    stopped = ""
    try:
        run.search(proposer)
    except KeyboardInterrupt:
        stopped = f"interrupted after {len(run.priced)} designs; the same command goes on"
    return run.front(seed, stopped)


@dataclass
class _Run:
    """One search: what it was asked, and what it has so far."""

    space: Space
    graphs: dict[str, Graph]
    objectives: tuple[str, ...]
    budget: int
    executor: Executor | None
    effort: Effort
    trials: Trials
    tell: Callable[[int, int], None]
    asked: list[Design] = field(default_factory=list)
    priced: dict[Design, tuple[Chip, Cost]] = field(default_factory=dict)
    skipped: int = 0
    smallest: float = math.inf
    broken: str = ""

    def check(self) -> None:
        """Before anything is priced."""
        if not self.graphs:
            raise InputError("nothing to run on the chip", fix="give at least one workload")
        if self.budget < 1:
            raise InputError("no budget", got=self.budget, expected="at least 1 design")
        wants_area = "area" in self.objectives or "area" in self.space.most
        area = area_mm2(self.space.chip, self.space.node_nm)
        if wants_area and math.isnan(area.value):
            raise InputError(
                f"the area of chip {self.space.chip.name!r} is unavailable",
                got=f"node_nm = {self.space.node_nm}",
                expected="a [spatial] part, and a node and format with published areas",
                fix="add explore.node_nm = 45, or leave area out of the objectives",
            )

    def search(self, proposer: Proposer) -> None:
        """Ask, price, tell, until the budget or the space is used up."""
        while len(self.priced) < self.budget and len(self.asked) < _LOOKS * self.budget:
            asked = proposer.ask(min(BATCH, self.budget - len(self.priced)))
            if not asked:
                return
            self.asked += asked
            made = {design: self._made(design) for design in asked}
            self._price({design: chip for design, chip in made.items() if chip is not None})
            for design in asked:
                proposer.tell(design, self._values(design))

    def _made(self, design: Design) -> Chip | None:
        """The chip of a design; None where its area is above the limit or it is no chip."""
        try:
            chip = vary(self.space.chip, self.space.named(design), self.space.node_nm)
        except InputError as error:
            self.skipped, self.broken = self.skipped + 1, error.what
            return None
        area = area_mm2(chip, self.space.node_nm).value
        self.smallest = min(self.smallest, math.inf if math.isnan(area) else area)
        if "area" in self.space.most and not area <= self.space.most["area"]:
            self.skipped += 1
            return None
        return chip

    def _price(self, chips: Mapping[Design, Chip]) -> None:
        """Price what is not known, keeping each as soon as it is there."""
        known = self.trials.known
        todo = {d: c for d, c in chips.items() if self._key(d) not in known}
        for design in chips.keys() - todo.keys():
            self.priced[design] = chips[design], self._judged(known[self._key(design)])
        if self.executor is None:
            for design, chip in todo.items():
                self._keep(design, chip, price(*self._arguments(design, chip)))
            return
        jobs = {self.executor.submit(price, *self._arguments(d, c)): d for d, c in todo.items()}
        try:
            for job in as_completed(jobs):
                self._keep(jobs[job], todo[jobs[job]], job.result())
        finally:  # also what ended while the search was being interrupted
            for job, design in jobs.items():
                ended = not job.cancel() and job.done() and job.exception() is None
                if ended and design not in self.priced:
                    self._keep(design, todo[design], job.result())

    def _arguments(
        self, design: Design, chip: Chip
    ) -> tuple[Chip, dict[str, Graph], dict[str, Value], float | None, Effort]:
        return chip, self.graphs, self.space.named(design), self.space.node_nm, self.effort

    def _keep(self, design: Design, chip: Chip, cost: Cost) -> None:
        self.trials.keep(self._key(design), cost)
        self.priced[design] = chip, self._judged(cost)
        self.tell(len(self.priced), min(self.budget, self.space.size))

    def _judged(self, cost: Cost) -> Cost:
        """A cost that lacks an objective is no cost."""
        lacks = [o for o in self.objectives if math.isnan(cost.of(o))]
        return cost if cost.missing or not lacks else replace(cost, missing=f"no {lacks[0]}")

    def _key(self, design: Design) -> str:
        return json.dumps(self.space.named(design), sort_keys=True)

    def _values(self, design: Design) -> tuple[float, ...] | None:
        if design not in self.priced:
            return None
        cost = self.priced[design][1]
        return tuple(cost.of(o) for o in self.objectives) if self._allowed(cost) else None

    def _allowed(self, cost: Cost) -> bool:
        within = all(cost.of(o) <= limit for o, limit in self.space.most.items())
        return not cost.missing and within

    def front(self, seed: int, stopped: str) -> DesignFront:
        """What was found. Raises InputError where no design keeps the limits."""
        allowed = {d: self.priced[d][1] for d in self.asked
                   if d in self.priced and self._allowed(self.priced[d][1])}  # fmt: skip
        if not allowed and not stopped:
            costs = [cost for _, cost in self.priced.values()]
            raise no_design(self.space, costs, self.smallest, self.broken)
        rows = [[c.of(o) for o in self.objectives] for c in allowed.values()]
        best = {d for d, keep in zip(allowed, non_dominated(rows), strict=True) if keep}
        points = tuple(self._point(d, best) for d in self.asked if d in self.priced)
        looked = len(points) + self.skipped
        return DesignFront(
            chip=self.space.chip.name, workloads=tuple(self.graphs), objectives=self.objectives,
            most=self.space.most, node_nm=self.space.node_nm, points=points,
            designs=self.space.size, skipped=self.skipped, exhaustive=looked == self.space.size,
            seed=seed, hypervolume=dominated_share(rows), notes=self._notes(points, stopped),
        )  # fmt: skip

    def _notes(self, points: tuple[Point, ...], stopped: str) -> tuple[str, ...]:
        known = any(not math.isnan(p.cost.area.value) for p in points)
        about = _AREA if known else _NO_AREA if self.space.chip.spatial else ""
        return tuple(note for note in (stopped, about) if note)

    def _point(self, design: Design, best: set[Design]) -> Point:
        chip, cost = self.priced[design]
        status: Status = "front" if design in best else "dominated"
        if not self._allowed(cost):
            status = "no price" if cost.missing else "over the limit"
        return Point(self.space.named(design), chip.hash, cost, status)


_AREA = (
    "area is of multipliers and memories: a floor without wiring, control, vector units and pads"
)

_NO_AREA = "area is unavailable, so static power doesn't follow it: explore.node_nm = 45 would say"


def _checked(objectives: Sequence[str]) -> tuple[str, ...]:
    for objective in objectives:
        if objective not in OBJECTIVES:
            raise InputError(f"no objective {objective!r}", fix=nearest(objective, OBJECTIVES))
    if not objectives or len(set(objectives)) < len(objectives):
        raise InputError("not a set of objectives", got=list(objectives), expected=list(OBJECTIVES))
    return tuple(objectives)
