"""QSD-Transformer: integers in training are unit spikes in inference, one for one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from picojoule.cost.event import Recording, count_events
from picojoule.papers.paper import Finding, Paper, Verdict

_LEVELS = 4


def integers(x: Any) -> Any:
    """Spike counts of the training neuron: floor(clamp(4 x, 0, 4) + 1/2)."""
    return np.floor(np.clip(_LEVELS * x, 0, _LEVELS) + 0.5)


def unrolled(x: Any) -> Any:
    """(4, ...) spikes of an integrate-and-fire neuron with threshold 1 and reset by subtraction,
    charged once with clamp(4 x, 0, 4) + 1/2."""
    v, spikes = np.clip(_LEVELS * x, 0, _LEVELS) + 0.5, []
    for _ in range(_LEVELS):
        fired = (v >= 1).astype(float)
        spikes.append(fired)
        v = v - fired
    return np.stack(spikes)


def check(data: Path | None) -> list[Finding]:
    """A linear layer with 4-bit weights forward in both forms; its events; its size."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(0.3, 0.5, (64, 512)), rng.integers(-8, 8, (512, 512)).astype(float)
    n, spikes = integers(x), unrolled(x)
    whole = count_events(Recording(n[None] / _LEVELS, 512))
    steps = count_events(Recording(spikes, 512))
    bits = 4 + 32 / 512  # with a float32 scale for each output channel
    return [
        Finding("largest difference of a linear layer, integers and unrolled", 0.0,
                float(np.abs(n @ w - (spikes @ w).sum(axis=0)).max())),
        Finding("additions, unrolled over integers", 1.0, steps.acs / whole.acs),
        Finding("additions counted as nonzeros over those that happen, if that were right", 1.0,
                whole.graded_macs / whole.acs, tolerance=0.01,
                note="an integer n is n events on hardware with binary spikes"),
        Finding("32-bit over 4-bit weights with their scales", 8.0, 32 / bits, "", 0.02),
    ]  # fmt: skip


PAPER = Paper(
    name="quantized-sdt",
    row=12,
    title="Quantized Spike-driven Transformer",
    source="Qiu et al., arXiv 2501.13492; quan_w.py and models.py of bollossom/QSD-Transformer",
    claim="Integer activations in training run as spikes in inference, at 4-bit weights.",
    composition="look → count_events: Σ n additions, unrolled over D steps",
    verdict=Verdict.PARTLY,
    check=check,
)
