"""Models and chips together: one search over both, against one after the other.

All strategies draw at random from the same finite sets, see the same costs and may price the same
number of pairs, so what differs is the order in which choices are made.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from picojoule.errors import InputError

__all__ = ["Pair", "Together"]

Model = TypeVar("Model")
Chips = TypeVar("Chips")


@dataclass(frozen=True, slots=True)
class Pair(Generic[Model, Chips]):
    """A model on a chip. excess: largest of cost over limit; at most 1 keeps all limits."""

    model: Model
    design: Chips
    accuracy: float
    cost: tuple[float, ...]
    excess: float

    @property
    def keeps(self) -> bool:
        """Whether no limit is exceeded."""
        return self.excess <= 1

    @property
    def rank(self) -> tuple[bool, float, float]:
        """Larger is better: keeping the limits, then accuracy; without keeping, being near."""
        return (self.keeps, self.accuracy if self.keeps else -self.excess, -self.excess)


@dataclass(frozen=True)
class Together(Generic[Model, Chips]):
    """What can be chosen, what it costs, and what it may cost at most.

    models: accuracy of each. designs: the chips. cost: numbers to be small, of a pair. limits: of
    each of these numbers. Raises InputError where nothing can be chosen.
    """

    models: Mapping[Model, float]
    designs: Sequence[Chips]
    cost: Callable[[Model, Chips], tuple[float, ...]]
    limits: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.models or not self.designs:
            raise InputError("a search needs models and designs",
                             got=f"{len(self.models)} and {len(self.designs)}")  # fmt: skip

    def pair(self, model: Model, design: Chips) -> Pair[Model, Chips]:
        """What a model costs on a chip."""
        cost = self.cost(model, design)
        excess = max(c / limit for c, limit in zip(cost, self.limits, strict=True))
        return Pair(model, design, self.models[model], cost, excess)

    def joint(self, budget: int, seed: int) -> Pair[Model, Chips]:
        """The best of `budget` pairs, drawn from all."""
        return self._best(list(itertools.product(self.models, self.designs)), budget, seed)

    def model_first(self, budget: int, seed: int) -> Pair[Model, Chips]:
        """The most accurate model, then the best of `budget` chips for it."""
        model = max(self.models, key=self.models.__getitem__)
        return self._best([(model, design) for design in self.designs], budget, seed)

    def chip_first(self, budget: int, seed: int) -> Pair[Model, Chips]:
        """Half the budget on chips for the model of middle accuracy, to be as full of the limits
        as they allow; the other half on models for that chip."""
        middle = sorted(self.models, key=self.models.__getitem__)[len(self.models) // 2]
        drawn = self._drawn([(middle, design) for design in self.designs], budget // 2, seed)
        design = min(drawn, key=lambda p: abs(p.excess - 1)).design
        return self._best([(model, design) for model in self.models], budget - budget // 2, seed)

    def _best(self, pairs: list[tuple[Model, Chips]], budget: int, seed: int) -> Pair[Model, Chips]:
        return max(self._drawn(pairs, budget, seed), key=lambda p: p.rank)

    def _drawn(
        self, pairs: list[tuple[Model, Chips]], budget: int, seed: int
    ) -> list[Pair[Model, Chips]]:
        if budget < 1:
            raise InputError("no budget", got=budget, expected="at least 1 pair")
        order = np.random.default_rng(seed).permutation(len(pairs))[:budget]
        return [self.pair(*pairs[i]) for i in order.tolist()]
