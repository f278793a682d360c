"""Delta activation layer: compute only what changed since the last frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.sparsify.delta import delta_linear


def check(data: Path | None) -> list[Finding]:
    """A random walk of which 10% of the values change at each step."""
    rng = np.random.default_rng(0)
    w = rng.normal(size=(64, 128)) / np.sqrt(128)
    changes = rng.random((200, 128)) < 0.10
    x = np.cumsum(rng.normal(size=changes.shape) * changes, axis=0)
    exact, coarse = delta_linear(w, x), delta_linear(w, x, threshold=0.3)
    bound = 0.3 * np.abs(w).sum(axis=1).max()
    return [
        # 200 additions of order 1 in float64
        Finding("largest error at θ=0", 1e-12, np.abs(exact.outputs - x @ w.T).max(), "", 0, "<="),
        Finding("share of dense MACs on a stream where 10% changes", 0.10,
                exact.macs / exact.dense_macs, tolerance=0.10),
        Finding("largest error at θ=0.3, bound θ·max Σ|W|", bound,
                np.abs(coarse.outputs - x @ w.T).max(), relation="<="),
        Finding("MACs at θ=0.3 over those at θ=0", 1, coarse.macs / exact.macs, relation="<="),
    ]  # fmt: skip


PAPER = Paper(
    name="delta-layer",
    row=166,
    title="Delta activation layers for temporal sparsity",
    source="after Neil et al., Delta networks, ICML 2017, arXiv 1612.05571",
    claim="Sending only changed activations is exact without a threshold, bounded with one, and "
    "costs the share of values that change.",
    composition="temporal delta × threshold",
    verdict=Verdict.REPRODUCED,
    check=check,
)
