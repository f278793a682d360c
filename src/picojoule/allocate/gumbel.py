"""Gumbel-softmax: a differentiable relaxation, annealed to a choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from picojoule.allocate.base import Choice
from picojoule.allocate.local import fill, shrink
from picojoule.allocate.problem import Problem
from picojoule.ledger import Array

__all__ = ["Gumbel"]


@dataclass(frozen=True, slots=True)
class Gumbel:
    """Stochastic gradient descent on option logits θ, as in DNAS and FBNet (Wu et al., 2019).

    p = softmax((θ + g) / τ) with Gumbel noise g; the loss is Σ p·s + λ·(Σ p·c − budget), and λ
    grows while the budget is exceeded. τ falls geometrically over the `steps`. The logits'
    largest option is then made to fit and filled up by best ratio. Sensitivities here are known,
    so this is a yardstick for the relaxation; where they are a trained loss, it is the method.
    """

    steps: int = 300
    rate: float = 0.5
    temperatures: tuple[float, float] = (2.0, 0.1)
    seed: int = 0

    def allocate(
        self, sensitivity: Array, cost: Array, budget: Array, ties: Sequence[tuple[int, ...]] = ()
    ) -> Choice:
        """See `Allocator.allocate`. The same seed gives the same choice."""
        problem = Problem.of(sensitivity, cost, budget, ties)
        picks = self._descend(problem).argmax(axis=1)
        return problem.choice(fill(problem, shrink(problem, picks)))

    def _descend(self, problem: Problem) -> Array:
        """Logits [group, option], minus infinity where not available."""
        rng = np.random.default_rng(self.seed)
        there = problem.available
        s = _spread(problem)
        logits = np.where(there, -s, -np.inf)
        # Loads matter relative to a group's fair share of the limit.
        load = problem.load * len(s)
        price = np.zeros(len(problem.limit))
        for tau in np.geomspace(*self.temperatures, self.steps):
            p = _softmax((logits + rng.gumbel(size=s.shape)) / tau)
            over = np.einsum("go,gor->r", p, load) / len(s) - problem.limit
            price = np.maximum(price + self.rate * over, 0.0)
            slope = s + load @ price
            gradient = p * (slope - (p * slope).sum(axis=1, keepdims=True)) / tau
            logits = np.where(there, logits - self.rate * np.clip(gradient, -1, 1), -np.inf)
        return logits


def _spread(problem: Problem) -> Array:
    """Sensitivities above the group's least, over the mean spread; 0 where not available."""
    above = np.where(problem.available, problem.sensitivity, 0.0)
    above = np.where(problem.available, above - problem.sensitivity.min(axis=1, keepdims=True), 0)
    scaled: Array = above / (above.max(axis=1).mean() or 1.0)
    return scaled


def _softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    p: Array = e / e.sum(axis=1, keepdims=True)
    return p
