"""Synthetic requests that look like a trace: Poisson, with bursts and a daily cycle.

The rate is rate_per_s × day(t) × m(t). m is a gamma variable of mean 1 per bin of `bin_s` seconds,
correlated from bin to bin; it makes the counts of bins over-dispersed, as in real traces. Its two
numbers come from the counts n of the trace's bins:

    shape        mean(n)² / (var(n) - mean(n))      what is left of the variance after Poisson's
    correlation  lag-1 autocorrelation of n, corrected for Poisson's share of the variance

Lengths are drawn as (prompt, output) pairs of the trace, so they keep their correlation. A trace of
an hour can't tell the daily cycle: `daily_swing` is given (0.3: 30% above the mean at the peak).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import gamma, norm

from picojoule.cluster.requests import UNKNOWN, Requests
from picojoule.errors import InputError
from picojoule.ledger import Array

__all__ = ["Arrivals", "fit_arrivals", "ramped", "scaled", "synthetic"]

DAY_S = 86_400.0


@dataclass(frozen=True)
class Arrivals:
    """A fitted source of requests. shape: of the gamma modulation, infinite for plain Poisson."""

    rate_per_s: float
    shape: float
    correlation: float
    prompt_tokens: Array
    output_tokens: Array
    bin_s: float = 60.0
    daily_swing: float = 0.0

    def times(self, factor: float) -> Arrivals:
        """The same source with `factor` times the rate."""
        return replace(self, rate_per_s=self.rate_per_s * factor)


def fit_arrivals(trace: Requests, bin_s: float = 60.0) -> Arrivals:
    """Rate, over-dispersion and correlation of `trace`. Raises InputError below 3 whole bins."""
    bins = int(trace.arrival_s[-1] // bin_s)
    if bins < 3:
        raise InputError("a trace is too short to fit", got=f"{bins} bins of {bin_s:g} s",
                         expected="at least 3", fix="give a smaller bin_s")  # fmt: skip
    counts = np.bincount((trace.arrival_s // bin_s).astype(int), minlength=bins)[:bins]
    mean, excess = counts.mean(), counts.var() - counts.mean()
    shape = mean**2 / excess if excess > 0 else math.inf
    deviation = counts - mean
    lag = float(np.mean(deviation[1:] * deviation[:-1]))
    correlation = float(np.clip(lag / excess, 0.0, 0.99)) if excess > 0 else 0.0
    return Arrivals(
        float(mean / bin_s), float(shape), correlation,
        trace.prompt_tokens, trace.output_tokens, bin_s,
    )  # fmt: skip


def synthetic(source: Arrivals, seconds: float, seed: int = 0) -> Iterator[Requests]:
    """Chunks of requests, an hour each. The same seed gives the same requests."""
    rng = np.random.default_rng([seed, 0xA881])
    per_chunk = max(1, round(3600 / source.bin_s))
    state, start = rng.standard_normal(), 0.0
    while start < seconds:
        steps, rate = _modulation(source, rng, per_chunk, state)
        state = float(steps[-1])
        edges = start + source.bin_s * np.arange(per_chunk)
        day = 1 + source.daily_swing * np.sin(2 * np.pi * (edges / DAY_S - 0.25))
        counts = rng.poisson(source.rate_per_s * source.bin_s * day * rate)
        arrival = np.repeat(edges, counts) + source.bin_s * rng.random(counts.sum())
        arrival = np.sort(arrival[arrival < seconds])
        pick = rng.integers(len(source.prompt_tokens), size=len(arrival))
        if len(arrival):
            yield Requests.of(
                arrival, source.prompt_tokens[pick], source.output_tokens[pick], UNKNOWN
            )
        start += per_chunk * source.bin_s


def _modulation(
    source: Arrivals, rng: np.random.Generator, bins: int, state: float
) -> tuple[Array, Array]:
    """An AR(1) normal series and the gamma series that has its ranks (a Gaussian copula)."""
    noise = rng.standard_normal(bins) * math.sqrt(1 - source.correlation**2)
    series = np.empty(bins)
    for i in range(bins):
        state = source.correlation * state + noise[i]
        series[i] = state
    if math.isinf(source.shape):
        return series, np.ones(bins)
    level = np.clip(norm.cdf(series), 1e-12, 1 - 1e-12)
    return series, gamma.ppf(level, source.shape, scale=1 / source.shape)


def scaled(trace: Requests, factor: float, seed: int = 0, jitter_s: float = 5.0) -> Requests:
    """`trace` with `factor` times as many requests over the same time.

    Each request is kept `factor` times on average; copies after the first come up to `jitter_s`
    earlier or later. Minutes keep their shape, so bursts grow with the load. Raises InputError for
    a factor that isn't positive.
    """
    if not (math.isfinite(factor) and factor > 0):
        raise InputError("a load factor must be positive", got=factor)
    rng = np.random.default_rng([seed, 0x5CA1])
    copies = math.floor(factor) + (rng.random(len(trace)) < factor % 1)
    rows = np.repeat(np.arange(len(trace)), copies)
    again = np.diff(rows, prepend=-1) == 0
    moved = trace.arrival_s[rows] + again * rng.uniform(-jitter_s, jitter_s, len(rows))
    moved = np.clip(moved, 0.0, trace.arrival_s[-1])
    order = np.argsort(moved, kind="stable")
    return replace(trace[rows[order]], arrival_s=moved[order])


def ramped(trace: Requests, seconds: float, seed: int = 0) -> Requests:
    """`trace` with its load let in over the first `seconds`: a request at t is kept with t/seconds.

    A trace that is cut out of a day starts at full load, so that an empty row fills up in a minute:
    a rise of power that the day never had.
    """
    rng = np.random.default_rng([seed, 0x4A3B])
    return trace[rng.random(len(trace)) * seconds < trace.arrival_s] if seconds > 0 else trace
