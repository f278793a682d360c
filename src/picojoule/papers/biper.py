"""BiPer: binary weights as the sign of a sine."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from picojoule.formats import Ternary
from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.quantize import Quantizer
from picojoule.transforms.quantize.estimator import sine
from picojoule.transforms.quantize.scale import unit


def check(data: Path | None) -> list[Finding]:
    """E(sign sin ωw - sin ωw)² for Gaussian weights, and its limit for large ω."""
    w = np.random.default_rng(0).normal(size=2_000_000)
    u = np.linspace(-1, 1, 1001)
    numeric = (np.sin(20 * (u + 1e-6)) - np.sin(20 * (u - 1e-6))) / 2e-6
    return [
        Finding("error at ω=20", 0.2264, _error(w, 20), "", 0.001 / 0.2264),
        Finding("error at ω=1", 0.2751, _error(w, 1), "", 0.001 / 0.2751),
        Finding("error at ω=1000, limit 3/2 - 4/π", 1.5 - 4 / math.pi, _error(w, 1000), "", 0.005),
        Finding("its estimator, largest difference from the sine's slope", 1e-6,
                float(np.abs(sine(u, -1.0, 1.0) - numeric).max()), relation="<="),
    ]  # fmt: skip


def _error(w: np.ndarray, omega: float) -> float:
    """Signs are ternary numbers with the threshold 0; a sine comes before the rounding."""
    periodic = np.sin(omega * w)
    signs = Quantizer(Ternary(0.0), unit, estimator=sine).quantize(periodic)
    return float(np.square(signs - periodic).mean())


PAPER = Paper(
    name="biper",
    row=159,
    title="BiPer: binary neural networks using a periodic function",
    source="Vargas et al., CVPR 2024; limit in closed form, others by an independent simulation",
    claim="A periodic function before the sign bounds the quantisation error by its frequency.",
    composition="signs × sine estimator, ω=20",
    verdict=Verdict.REPRODUCED,
    check=check,
)
