"""Latencies by priority in bounded memory: histograms with bins of 0.1%."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import msgspec
import numpy as np

from picojoule.ledger import Array

__all__ = ["METRICS", "Histogram", "Latencies", "Slo"]

METRICS = ("ttft_s", "tbt_s", "e2e_s")
"""Time to first token; mean time between the tokens of a request; arrival to last token."""

_RATIO = math.log(1.001)
_LEAST = 1e-4
_BINS = 24_000  # to 2.6 million seconds


class Slo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a request must keep: seconds to the first token, between tokens, and in all."""

    ttft_s: float = math.inf
    tbt_s: float = math.inf
    e2e_s: float = math.inf


@dataclass
class Histogram:
    """Counts of positive values in bins of equal ratio."""

    counts: Array = field(default_factory=lambda: np.zeros(_BINS, dtype=np.int64))
    total: float = 0.0
    largest: float = 0.0

    def add(self, values: Array) -> None:
        """Count values."""
        if not len(values):
            return
        place = np.log(np.maximum(values, _LEAST) / _LEAST) / _RATIO
        bins = np.minimum(place.astype(np.int64), _BINS - 1)
        self.counts += np.bincount(bins, minlength=_BINS)
        self.total += float(values.sum())
        self.largest = max(self.largest, float(values.max()))

    def quantile(self, q: float) -> float:
        """The q-quantile, within 0.1%; NaN without values."""
        n = int(self.counts.sum())
        if n == 0:
            return math.nan
        rank = q * (n - 1) + 0.5  # middle of its place, so that a lone value is found in its bin
        cumulative = np.cumsum(self.counts)
        i = int(np.searchsorted(cumulative, rank))
        inside = (rank - (cumulative[i] - self.counts[i])) / self.counts[i]
        return min(_LEAST * math.exp((i + float(inside)) * _RATIO), self.largest)

    @property
    def n(self) -> int:
        """Values counted."""
        return int(self.counts.sum())

    @property
    def mean(self) -> float:
        """Their mean; NaN without values."""
        return self.total / self.n if self.n else math.nan


@dataclass
class Latencies:
    """Histograms of each metric for each priority (0 low, 1 high), and how many kept the SLO."""

    slo: Slo
    of: dict[tuple[str, int], Histogram] = field(
        default_factory=lambda: {(m, p): Histogram() for m in METRICS for p in (0, 1)}
    )
    kept: list[int] = field(default_factory=lambda: [0, 0])
    tokens: list[int] = field(default_factory=lambda: [0, 0])

    def add(self, done: Array) -> None:
        """Count requests that left: rows (number, arrival, first, done, prompt, output, group)."""
        _, arrival, first, left, prompt, output, group = done.T
        ttft, e2e, more = first - arrival, left - arrival, output > 1
        tbt = np.where(more, (left - first) / np.maximum(output - 1, 1), 0.0)
        good = (ttft <= self.slo.ttft_s) & (tbt <= self.slo.tbt_s) & (e2e <= self.slo.e2e_s)
        self.tokens[0] += int(prompt.sum())
        self.tokens[1] += int(output.sum())
        for p in (0, 1):
            mine = group == p
            self.of["ttft_s", p].add(ttft[mine])
            self.of["tbt_s", p].add(tbt[mine & more])
            self.of["e2e_s", p].add(e2e[mine])
            self.kept[p] += int((good & mine).sum())

    def requests(self, priority: int) -> int:
        """Requests of that priority that left."""
        return self.of["e2e_s", priority].n

    def attainment(self, priority: int) -> float:
        """The share of them that kept the SLO; NaN without any, and where none was stated."""
        n = self.requests(priority)
        return self.kept[priority] / n if n and self.slo != Slo() else math.nan
