"""Batch sizes for a job that recurs: explore while training, prune what is bad, then settle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, pvariance
from typing import Protocol

import numpy as np

from picojoule.cluster.fleet.recurring import Recurring
from picojoule.errors import InputError

__all__ = ["Always", "BatchPolicy", "PrunedThompson", "Run", "simulate_training"]

_TRIES = 20  # of one recurrence, until its target counts as out of reach (as in Zeus's simulator)


class BatchPolicy(Protocol):
    """Chooses the next batch size. May hold state; one object serves one job."""

    tunes_limit: bool  # whether runs use the best power limit of their batch size, or the highest

    def choose(self) -> int:
        """The batch size of the next run."""
        ...

    def observe(self, batch: int, cost_j: float, reached: bool) -> None:
        """What that run cost, and whether it reached its target."""
        ...


class Always:
    """One batch size for ever, at the highest limit unless told otherwise."""

    def __init__(self, batch: int, *, tunes_limit: bool = False) -> None:
        self.batch, self.tunes_limit = batch, tunes_limit

    def choose(self) -> int:
        """That one."""
        return self.batch

    def observe(self, batch: int, cost_j: float, reached: bool) -> None:
        """Learns nothing."""


class PrunedThompson:
    """Zeus (You et al., NSDI 2023, arXiv 2208.06102, section 4 and algorithm 3).

    Twice, it tries batch sizes from the best one known downwards, then upwards, and in each
    direction stops at the first that fails. Then it draws the mean cost of each that is left from
    a Gaussian around what was seen, and takes the lowest. Costs are those seen since the start.
    """

    tunes_limit = True

    def __init__(
        self, batches: Sequence[int], default: int, seed: int = 0, rounds: int = 2
    ) -> None:
        if default not in batches:
            raise InputError(
                "the default batch size is not one to choose from", got=default, expected=batches
            )
        self.left = sorted(batches)
        self._rounds, self._best, self._rng = rounds, default, np.random.default_rng(seed)
        self._seen: dict[int, list[float]] = {b: [] for b in batches}
        self._begin()

    def _begin(self) -> None:
        """Plan a round of exploration around the best batch size."""
        at = self.left.index(self._best)
        self._down, self._up = self.left[at::-1], self.left[at + 1 :]
        self._good: dict[int, float] = {}

    @property
    def exploring(self) -> bool:
        """Whether it still prunes."""
        return self._rounds > 0

    def choose(self) -> int:
        """The next to try, or a draw among those left."""
        if self.exploring:
            return (self._down or self._up)[0]
        return min(self.left, key=self._draw)

    def _draw(self, batch: int) -> float:
        seen = self._seen[batch]
        return float(self._rng.normal(fmean(seen), math.sqrt(pvariance(seen) / len(seen))))

    def observe(self, batch: int, cost_j: float, reached: bool) -> None:
        """Learn its cost; in exploration, also whether to go on in this direction."""
        if cost_j > 0:
            self._seen[batch].append(cost_j)
        if not self.exploring:
            return
        direction = self._down or self._up
        direction.remove(batch)
        if reached:
            self._good[batch] = cost_j
        else:
            direction.clear()
        if not (self._down or self._up):
            if self._good:
                self.left, self._best = (
                    sorted(self._good),
                    min(self._good, key=self._good.__getitem__),
                )
            self._rounds -= 1
            self._begin()


@dataclass(frozen=True, slots=True)
class Run:
    """One recurrence. energy_j, time_s, cost_j: of all its tries. batch, limit_w: of the try that
    reached the target. tries: runs until then, those that were stopped early included."""

    batch: int
    limit_w: int
    energy_j: float
    time_s: float
    cost_j: float
    tries: int


def simulate_training(
    job: Recurring,
    policy: BatchPolicy,
    recurrences: int,
    *,
    eta: float = 0.5,
    stop: float = 2.0,
    seed: int = 0,
) -> list[Run]:
    """Let a policy choose for `recurrences` of a job; each run replays a measured one at random.

    A run stops before the epoch in which its cost would pass `stop` times the least cost so far
    (β of Zeus), and at the longest run of the job; it is then tried anew. The first run of a
    batch size that tunes its limit spends its first epoch on all limits in turn. Raises
    InputError for numbers that are not possible, and if no try reaches the target.
    """
    if recurrences < 1 or not 0 <= eta <= 1 or not stop >= 1:
        raise InputError(
            "recurrences, eta or stop is not possible",
            got=(recurrences, eta, stop),
            expected="recurrences >= 1, eta in 0..1, stop >= 1",
        )
    rng, known, least_j = np.random.default_rng(seed), set[int](), math.inf
    history = []
    for _ in range(recurrences):
        energy_j, time_s, tries, reached = 0.0, 0.0, 0, False
        while not reached:
            if tries == _TRIES:
                raise InputError(f"no run reached its target in {_TRIES} tries", where=job.name)
            tries += 1
            batch = policy.choose()
            limit_w = job.best_limit(batch, eta) if policy.tunes_limit else job.most_w
            profiles = policy.tunes_limit and batch not in known
            epochs = float(rng.choice(job.epochs[batch]))
            room = min(stop * least_j / job.epoch_cost_j(batch, limit_w, eta), job.most_epochs)
            done = int(min(epochs, math.floor(room)))
            joules, seconds = _spent(job, batch, limit_w, done, profiles)
            known |= {batch} if done else set()
            energy_j, time_s = energy_j + joules, time_s + seconds
            cost_j, reached = job.cost_j(joules, seconds, eta), done == epochs
            policy.observe(batch, cost_j, reached)
        least_j = min(least_j, cost_j)
        total_j = job.cost_j(energy_j, time_s, eta)
        history.append(Run(batch, limit_w, energy_j, time_s, total_j, tries))
    return history


def _spent(
    job: Recurring, batch: int, limit_w: int, epochs: int, profiles: bool
) -> tuple[float, float]:
    """Joules and seconds of whole epochs, the first over all limits in turn if it profiles."""
    time_s, power_w = job.epoch[batch, limit_w]
    if not (profiles and epochs):
        return epochs * time_s * power_w, epochs * time_s
    tried = [job.epoch[batch, w] for w in job.limits(batch)]
    return (
        (epochs - 1) * time_s * power_w + fmean(t * w for t, w in tried),
        (epochs - 1) * time_s + fmean(t for t, _ in tried),
    )
