"""Joules per training step, sample and epoch, and the whole run predicted from its first steps.

Steps are shorter than counters tick, so they are metered in blocks of about a second. The mean
over blocks is used, not the median: a checkpoint or an evaluation is part of the bill.

Prediction: blocks cost r joules per step with spread s (standard deviation of a block's residual
E - r n). After B blocks of n steps, k more blocks cost r k n, with standard error
s sqrt(k + k²/B) and Student's t with B - 1 degrees of freedom (the prediction interval of a sum;
Meeker, Hahn & Escobar 2017, Statistical Intervals, section 4.7), widened by
sqrt((1 + ρ) / (1 - ρ)) for neighbouring blocks that resemble each other (lag-1 correlation ρ).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from picojoule.errors import Inconclusive, InputError
from picojoule.meter.window import Edge, Reading, counted, per, total_of
from picojoule.quantity import Evidence, Quantity, weakest

__all__ = ["Block", "Forecast", "StepLog"]

_MIN_BLOCKS = 5
_MAX_GAP = 0.02  # of a block; with more of it missing, its joules per step would be too few
_KEPT_BLOCKS = 20_000  # even: then neighbours are joined, and blocks get twice as long


@dataclass(frozen=True, slots=True)
class Block:
    """Some steps in a row: joules of the domains that were read without a gap, and seconds."""

    steps: int
    samples: int
    seconds: float
    energy: Quantity
    domains: frozenset[str]


@dataclass(frozen=True, slots=True)
class Forecast:
    """A whole run: joules spent so far, and in all; seconds in all. 95% intervals."""

    steps: int
    spent: Quantity
    total: Quantity
    seconds: Quantity

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        parts = {n: getattr(self, n).to_dict() for n in ("spent", "total", "seconds")}
        return {"steps": self.steps, **parts}


class StepLog:
    """Counts steps, and closes a block when one has lasted `block_s`. Made by a meter."""

    def __init__(
        self,
        take: Callable[[bool, bool], Edge],
        read: Callable[[Edge, Edge], tuple[Reading, ...]],
        clock: Callable[[], float],
        block_s: float = 1.0,
    ) -> None:
        self._take, self._read, self._clock, self._block_s = take, read, clock, block_s
        self._edge: Edge | None = None
        self._due_s = math.inf
        self._steps = self._samples = 0
        self._epoch_edge: Edge | None = None
        self._epoch_steps = 0
        self.count = 0
        self.blocks: list[Block] = []
        self.epochs: list[Block] = []

    def begin(self, edge: Edge) -> None:
        """Start the first block and the first epoch."""
        self._edge = self._epoch_edge = edge
        self._due_s = edge.ended_s + self._block_s

    def step(self, samples: int = 1) -> None:
        """One step is done."""
        self.count += 1
        self._steps += 1
        self._samples += samples
        if self._clock() >= self._due_s:
            self._close(self._take(True, True))

    def epoch(self) -> None:
        """One epoch is done: all the steps since the last one, and what came between them."""
        if self._epoch_edge is None or self.count == self._epoch_steps:
            raise InputError("an epoch without steps", fix="call m.step() after each step")
        edge, steps = self._take(True, True), self.count - self._epoch_steps
        self.epochs.append(self._block(self._epoch_edge, edge, steps, 0))
        self._epoch_edge, self._epoch_steps = edge, self.count

    def end(self, edge: Edge) -> None:
        """Close the last block, however short."""
        if self._steps:
            self._close(edge)
        self._due_s = math.inf

    def _close(self, edge: Edge) -> None:
        if self._edge is None:
            return
        self.blocks.append(self._block(self._edge, edge, self._steps, self._samples))
        if len(self.blocks) >= _KEPT_BLOCKS:
            self.blocks = [_joined(a, b) for a, b in zip(*[iter(self.blocks)] * 2, strict=False)]
            self._block_s *= 2
        self._edge, self._due_s = edge, edge.ended_s + self._block_s
        self._steps = self._samples = 0

    def _block(self, begin: Edge, end: Edge, steps: int, samples: int) -> Block:
        readings, seconds = self._read(begin, end), end.began_s - begin.ended_s
        whole = [r for r in counted(readings) if r.known and r.energy.gap_s <= _MAX_GAP * seconds]
        names = frozenset(r.domain.name for r in whole)
        return Block(steps, samples, seconds, total_of(whole), names)

    @property
    def per_step(self) -> Quantity:
        """Joules per step, warm-up left out, with the 95% interval of the mean."""
        return _rate(self._steady(), "steps")

    @property
    def per_sample(self) -> Quantity:
        """Joules per sample, as far as `step(samples=...)` told their number."""
        return _rate(self._steady(), "samples")

    @property
    def per_epoch(self) -> Quantity:
        """Joules per epoch: the mean of those that have ended; evaluation in between included."""
        return _rate(_alike(self.epochs), "one")

    def predict(self, steps: int) -> Forecast:
        """Joules and seconds of a run of `steps` steps, of which some are done.

        Raises Inconclusive before five whole blocks (about six seconds) have been seen.
        """
        blocks = self._steady()
        if len(blocks) < _MIN_BLOCKS:
            raise Inconclusive(
                "too few steps to predict the run", got=f"{len(blocks)} blocks of steps",
                expected=f"{_MIN_BLOCKS} with no gap", fix="let it run a little longer",
            )  # fmt: skip
        done = _alike(self.blocks)
        rest = max(0, steps - sum(b.steps for b in done))
        spent = _sum([b.energy for b in done])
        scale = _scale(blocks)
        rate, error = _extrapolate(blocks, [b.energy.value for b in blocks], rest)
        total = Quantity(
            spent.value + rate * rest,
            spent.low + scale[0] * max(0.0, rate * rest - error),
            spent.high + scale[1] * (rate * rest + error),
            "J",
            weakest(Evidence.CALIBRATED, spent.evidence),
        )
        elapsed_s = sum(b.seconds for b in self.blocks)
        left = max(0, steps - sum(b.steps for b in self.blocks))
        pace, late = _extrapolate(blocks, [b.seconds for b in blocks], left)
        middle, early = elapsed_s + pace * left, elapsed_s + max(0.0, pace * left - late)
        seconds = Quantity(middle, early, middle + late, "s", Evidence.CALIBRATED)
        return Forecast(steps, spent, total, seconds)

    def _steady(self) -> list[Block]:
        """Blocks alike; the first is left out as warm-up once others exist."""
        return _alike(self.blocks[1:] if len(self.blocks) > 2 else self.blocks)


def _alike(blocks: Sequence[Block]) -> list[Block]:
    """The blocks in which the usual domains were read: others would mix sums of other things."""
    usual = Counter(b.domains for b in blocks if b.domains).most_common(1)
    return [b for b in blocks if b.domains and b.domains == usual[0][0]]


def _joined(a: Block, b: Block) -> Block:
    same = a.domains == b.domains
    domains = a.domains if same else frozenset[str]()
    energy = _sum([a.energy, b.energy]) if same else total_of([])
    return Block(a.steps + b.steps, a.samples + b.samples, a.seconds + b.seconds, energy, domains)


def _sum(energies: Sequence[Quantity]) -> Quantity:
    low, value, high = (
        math.fsum(getattr(e, n) for e in energies) for n in ("low", "value", "high")
    )
    return Quantity(value, low, high, "J", weakest(*(e.evidence for e in energies)))


def _scale(blocks: Sequence[Block]) -> tuple[float, float]:
    """How far the sensor itself may be off: low and high over value."""
    whole = _sum([b.energy for b in blocks])
    return (whole.low / whole.value, whole.high / whole.value) if whole.value > 0 else (1.0, 1.0)


def _rate(blocks: Sequence[Block], per_what: str) -> Quantity:
    """Joules over steps, samples or blocks: a ratio of sums, with its t interval."""
    amounts = [1 if per_what == "one" else getattr(b, per_what) for b in blocks]
    whole, amount = _sum([b.energy for b in blocks]), sum(amounts)
    if not amount:
        return per(Quantity(0, 0, 0, "J", Evidence.UNAVAILABLE), 0, "J")
    if len(blocks) < 2:
        return per(whole, amount, "J")
    values = [b.energy.value for b in blocks]
    spread = _spread(values, amounts) * math.sqrt(len(blocks)) * _t95(len(blocks) - 1)
    low, high = _scale(blocks)
    return Quantity(
        whole.value / amount,
        low * max(0.0, whole.value - spread) / amount,
        high * (whole.value + spread) / amount,
        "J",
        whole.evidence,
    )


def _extrapolate(blocks: Sequence[Block], values: list[float], rest: int) -> tuple[float, float]:
    """(Amount per step, half-width of the 95% interval of `rest` more steps)."""
    steps = [b.steps for b in blocks]
    rate, n = sum(values) / sum(steps), len(blocks)
    more = rest / (sum(steps) / n)  # blocks
    error = _spread(values, steps) * math.sqrt(more + more**2 / n)
    return rate, error * _t95(n - 1)


def _spread(values: Sequence[float], amounts: Sequence[float]) -> float:
    """Standard deviation of a block's residual from the common rate, widened for correlation."""
    x, y = np.asarray(amounts, float), np.asarray(values, float)
    residual = y - x * y.sum() / x.sum()
    power = float(residual @ residual)
    if power == 0:
        return 0.0
    rho = min(max(float(residual[1:] @ residual[:-1]) / power, 0.0), 0.95)
    return math.sqrt(power / (len(residual) - 1) * (1 + rho) / (1 - rho))


def _t95(freedom: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.975))
