"""ReSTE: a power function between the identity and the sign, as slope of a binarised weight."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.quantize.estimator import power

_PUBLISHED = {1: (0.405, 0.116), 2: (0.154, 0.592), 3: (0.087, 1.374)}


def check(data: Path | None) -> list[Finding]:
    """How far the function is from the sign, and how much its slopes scatter, on N(0, 1)."""
    x = np.random.default_rng(0).normal(size=2_000_000)
    found = {o: _indicators(x, o) for o in _PUBLISHED}
    errors, spreads = zip(*found.values(), strict=True)
    return [
        *(Finding(f"distance from the sign, o={o}", p[0], found[o][0], "", 0.01)
          for o, p in _PUBLISHED.items()),
        *(Finding(f"variance of the slope, o={o}", p[1], found[o][1], "", 0.01)
          for o, p in _PUBLISHED.items()),
        Finding("distance falls with o", 0, max(np.diff(errors)), relation="<="),
        Finding("variance rises with o", 0, min(np.diff(spreads)), relation=">="),
    ]  # fmt: skip


def _indicators(x: np.ndarray, order: int) -> tuple[float, float]:
    function = np.sign(x) * np.abs(x) ** (1 / order)
    slope = power(x, -1.0, 1.0, order=order)
    return float(np.square(np.sign(x) - function).mean()), float(np.abs(slope).var())


PAPER = Paper(
    name="reste",
    row=203,
    title="Estimator meets equilibrium perspective: a rectified straight through estimator for "
    "binary neural networks training",
    source="Wu et al., ICCV 2023, arXiv 2308.06689; reference values by an independent simulation",
    claim="The order o trades the error of the estimator against the stability of its gradients.",
    composition="signs × mean|w| × power estimator",
    verdict=Verdict.REPRODUCED,
    check=check,
)
