"""PhaseTable: seconds and joules of prefill and decode, for one replica on its chips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from picojoule.ledger import Array
from picojoule.quantity import Evidence

__all__ = ["PhaseTable"]


@dataclass(frozen=True)
class PhaseTable:
    """What one replica of a model costs on `chips` chips at full clock. All joules are dynamic:
    above active_w, which the replica draws while it works; without work it draws idle_w.

    prompt_tokens, prefill_s, prefill_j: knots of one request's prefill, joined by lines and
    continued by the last one. batch, step_s, step_j: knots of one decode step without context, from
    batch 1. context_s, context_j: added per cached token of the batch. kv_tokens: room for cached
    tokens. kv_bytes: of one. low, high: factors that bound dynamic joules and active_w.
    """

    name: str
    chips: int
    prompt_tokens: Array
    prefill_s: Array
    prefill_j: Array
    batch: Array
    step_s: Array
    step_j: Array
    context_s: float
    context_j: float
    idle_w: float
    active_w: float
    kv_tokens: int
    kv_bytes: float
    evidence: Evidence
    source: str
    low: float = 1.0
    high: float = 1.0

    def prefill(self, tokens: Array) -> tuple[Array, Array]:
        """Seconds and dynamic joules of prefills of `tokens` prompt tokens each."""
        return (
            _line(tokens, self.prompt_tokens, self.prefill_s),
            _line(tokens, self.prompt_tokens, self.prefill_j),
        )

    def steps(self, most: int) -> tuple[Array, Array]:
        """Seconds and dynamic joules of a step at batches 0..most (0 for an empty batch)."""
        sizes = np.arange(1, most + 1, dtype=float)
        seconds = _line(sizes, self.batch, self.step_s)
        joules = _line(sizes, self.batch, self.step_j)
        return np.concatenate([[0.0], seconds]), np.concatenate([[0.0], joules])

    @property
    def busiest_w(self) -> tuple[float, float]:
        """The most dynamic power of any knot of prefill, and of decode."""
        prefill = float(np.max(self.prefill_j / self.prefill_s))
        return prefill, float(np.max(self.step_j / self.step_s))


def _line(x: Array, knots: Array, values: Array) -> Array:
    """Linear interpolation, continued beyond the last knot with the slope of the last piece."""
    x = np.asarray(x, dtype=float)
    slope = (values[-1] - values[-2]) / (knots[-1] - knots[-2])
    return np.asarray(np.interp(x, knots, values) + np.maximum(x - knots[-1], 0.0) * slope)
