"""AdaLog: the base of a logarithmic format, found by search."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.special import softmax

from picojoule.formats import Int, Log
from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.quantize import Quantizer
from picojoule.transforms.quantize.scale import unit

_R = 37
_BEST = {3: 36, 4: 19, 6: 10}


def check(data: Path | None) -> list[Finding]:
    """Post-softmax attention over 197 tokens; scores N(0, 2.2²), a spread that is ours."""
    rows = softmax(np.random.default_rng(0).normal(size=(12 * 197, 197)) * 2.2, axis=1)
    best = {
        bits: min(range(10, 46), key=lambda q: _error(rows, Log(bits, q, _R))) for bits in _BEST
    }
    adalog = _error(rows, Log(4, best[4], _R))
    log2, root2 = _error(rows, Log(4)), _error(rows, Log(4, 1, 2))
    uniform = Quantizer(Int(4, signed=False)).quantize(rows)
    return [
        *(Finding(f"best q for {b} bits", q, best[b], "", 2 / q) for b, q in _BEST.items()),
        Finding("relative squared error, 4 bits", 1.35e-2, adalog, "", 0.1),
        Finding("relative squared error of log2", 4.1e-2, log2, "", 0.1),
        Finding("relative squared error of uint4", 6.9e-2, _relative(uniform, rows), "", 0.1),
        Finding("AdaLog over the better of log2 and log√2", 1.0, adalog / min(log2, root2), "",
                1e-3, "<="),
    ]  # fmt: skip


def _error(x: np.ndarray, fmt: Log) -> float:
    return _relative(Quantizer(fmt, unit).quantize(x), x)


def _relative(q: np.ndarray, x: np.ndarray) -> float:
    return float(np.square(q - x).sum() / np.square(x).sum())


PAPER = Paper(
    name="adalog",
    row=130,
    title="AdaLog: post-training quantization for vision transformers with adaptive logarithm "
    "quantizer",
    source="Wu et al., ECCV 2024, arXiv 2407.12951; reference values by an independent simulation",
    claim="A free base fits post-softmax activations better than 2 or √2.",
    composition="Log(bits, q, 37) × search over q",
    verdict=Verdict.REPRODUCED,
    check=check,
    seconds=8,
)
