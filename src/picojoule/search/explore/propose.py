"""Proposers: which designs to price next. Each design is proposed once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from picojoule.errors import InputError, nearest
from picojoule.extras import require
from picojoule.search.explore.space import Axis, Design, Space

__all__ = ["Everything", "Learning", "Proposer", "Uniform", "proposer_of"]

_PATIENCE = 20
_SAMPLERS = ("auto", "all", "learn", "random")


class Proposer(Protocol):
    """Proposes designs, and is told what they cost."""

    def ask(self, most: int) -> list[Design]:
        """Up to `most` designs that were not proposed before; none when the space is used up."""
        ...

    def tell(self, design: Design, values: Sequence[float] | None) -> None:
        """The objectives of a proposed design; None where it has none or may not be built."""
        ...


def proposer_of(sampler: str, space: Space, budget: int, objectives: int, seed: int) -> Proposer:
    """ "all", "learn", "random", or "auto": all if the budget allows, else learn.

    Raises InputError for another name, and for "all" beyond the budget.
    """
    if sampler not in _SAMPLERS:
        raise InputError(f"no sampler {sampler!r}", fix=nearest(sampler, _SAMPLERS))
    if sampler == "all" and space.size > budget:
        raise InputError("the budget is smaller than the space", got=budget,
                         expected=f"at least {space.size}, or another sampler")  # fmt: skip
    if sampler == "all" or (sampler == "auto" and space.size <= budget):
        return Everything(space)
    return Uniform(space, seed) if sampler == "random" else Learning(space, objectives, seed)


class Everything:
    """All designs in order."""

    def __init__(self, space: Space) -> None:
        self._rest: Iterator[Design] = (space.design(i) for i in range(space.size))

    def ask(self, most: int) -> list[Design]:
        """The next ones."""
        return [design for _, design in zip(range(most), self._rest, strict=False)]

    def tell(self, design: Design, values: Sequence[float] | None) -> None:
        """Learns nothing."""


class Uniform:
    """Designs at random, from a seed."""

    def __init__(self, space: Space, seed: int) -> None:
        self._space, self._random = space, np.random.default_rng(seed)
        self.seen: set[Design] = set()

    def ask(self, most: int) -> list[Design]:
        """Unseen ones, each as likely as any other."""
        found: list[Design] = []
        while len(found) < most and len(self.seen) < self._space.size:
            axes = self._space.axes
            drawn = tuple(a.values[int(self._random.integers(len(a.values)))] for a in axes)
            if drawn not in self.seen:
                self.seen.add(drawn)
                found.append(drawn)
        return found

    def tell(self, design: Design, values: Sequence[float] | None) -> None:
        """Learns nothing."""


class Learning:
    """Optuna's sampler, told of every design. What it proposes again is told again, and doesn't
    count; when it proposes little else, designs are drawn at random."""

    def __init__(self, space: Space, objectives: int, seed: int) -> None:
        self._optuna: Any = require("optuna", "search")
        self._optuna.logging.set_verbosity(self._optuna.logging.ERROR)
        self._study = self._optuna.create_study(
            directions=["minimize"] * objectives, sampler=_sampler(self._optuna, seed)
        )
        self._space, self._random = space, Uniform(space, seed)
        self._told: dict[Design, Sequence[float] | None] = {}
        self._open: dict[Design, Any] = {}

    def ask(self, most: int) -> list[Design]:
        """Unseen ones that the sampler expects to be good."""
        found: list[Design] = []
        for _ in range(_PATIENCE * most):
            if len(found) == most or len(self._random.seen) == self._space.size:
                return found
            trial = self._study.ask()
            design = tuple(_suggest(trial, axis) for axis in self._space.axes)
            if design in self._random.seen:
                self._end(trial, self._told.get(design))
                continue
            self._random.seen.add(design)
            self._open[design] = trial
            found.append(design)
        return [*found, *self._random.ask(most - len(found))]

    def tell(self, design: Design, values: Sequence[float] | None) -> None:
        """Passes it on, and remembers it."""
        self._told[design] = values
        if trial := self._open.pop(design, None):
            self._end(trial, values)

    def _end(self, trial: Any, values: Sequence[float] | None) -> None:
        if values is None:
            self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(trial, list(values))


def _sampler(optuna: Any, seed: int) -> Any:
    return optuna.samplers.NSGAIISampler(population_size=16, seed=seed)


def _suggest(trial: Any, axis: Axis) -> Any:
    """Ordered values by their place, words as they are."""
    last = len(axis.values) - 1
    if isinstance(axis.values[0], int | float):
        return axis.values[trial.suggest_int(axis.path, 0, last)]
    return axis.values[trial.suggest_categorical(axis.path, list(range(last + 1)))]
