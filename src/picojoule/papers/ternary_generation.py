"""Binary and ternary language generation: scales of ternary weights, and the sizes they leave."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from picojoule.formats import Ternary
from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.quantize import Quantizer
from picojoule.transforms.quantize.scale import least_squares, mean_abs

_MIB = 2**20
_TERNARY_MIB, _BINARY_MIB, _FULL_MIB = 39.6, 23.2, 532  # BART-base


def check(data: Path | None) -> list[Finding]:
    """Relative squared error of Gaussian weights, and what the printed sizes imply."""
    w = np.random.default_rng(0).normal(size=400_000)
    mean = np.abs(w).mean()
    signs = Ternary(0.7).quantize(w / mean)
    twn = signs * np.abs(w[signs != 0]).mean()
    found = {
        "4/3 mean|w|": (0.2001, Quantizer(Ternary(), partial(mean_abs, beta=4 / 3)).quantize(w)),
        "threshold 0.7 mean|w|": (0.1922, twn),
        "mean|w|": (0.2642, Quantizer(Ternary(), mean_abs).quantize(w)),
        "the best step": (0.1907, Quantizer(Ternary(), least_squares).quantize(w)),
    }
    parameters = _FULL_MIB * _MIB / 4
    # What stays in floats follows from the ternary size, and predicts the binary one.
    floats = (_TERNARY_MIB * _MIB - parameters * 2 / 8) / ((32 - 2) / 8)
    binary = (parameters / 8 + floats * (32 - 1) / 8) / _MIB
    return [
        *(Finding(f"ternary error with {name}", p, _relative(q, w), "", 0.002 / p)
          for name, (p, q) in found.items()),
        Finding("size with binary weights, from that with ternary ones", _BINARY_MIB, binary, "MiB",
                0.005),
    ]  # fmt: skip


def _relative(q: np.ndarray, w: np.ndarray) -> float:
    return float(np.square(q - w).mean() / np.square(w).mean())


PAPER = Paper(
    name="ternary-generation",
    row=204,
    title="Binary and ternary natural language generation",
    source="Liu et al., ACL 2023, arXiv 2306.01841 (sizes); reference errors by an "
    "independent simulation",
    claim="Ternary weights with a scale of 4/3 mean|w| err near the optimum; the model is as small "
    "as its bits.",
    composition="Ternary × β mean|w| × per row",
    verdict=Verdict.REPRODUCED,
    check=check,
)
