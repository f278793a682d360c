"""Low-bit floats for diffusion models: 4-bit float weights need learned rounding."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.formats import Float
from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.quantize import Channel, Quantizer, Rounding
from picojoule.transforms.quantize.rounding import learned, nearest
from picojoule.transforms.quantize.scale import mse


def check(data: Path | None) -> list[Finding]:
    """Output error of a random 3 × 3 convolution, learned rounding over nearest."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(8, 6, 18, 18)).cumsum(axis=2).cumsum(axis=3)  # smooth, as images are
    windows = np.lib.stride_tricks.sliding_window_view(images, (3, 3), axis=(2, 3))
    x = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, 6 * 9)
    x = x / x.std()
    w = rng.normal(size=(16, 54)) / np.sqrt(54)
    fp8 = _error(w, x, Float(4, 3, specials="none"), nearest)
    fp4 = _error(w, x, Float(2, 1, specials="none"), nearest)
    fp4_learned = _error(w, x, Float(2, 1, specials="none"), learned)
    return [
        Finding("FP8 weights, relative output error", 0.01, fp8, relation="<="),
        Finding("FP4 weights, learned over nearest rounding", 1.0, fp4_learned / fp4, "", 0, "<="),
    ]  # fmt: skip


def _error(w: np.ndarray, x: np.ndarray, fmt: Float, rounding: Rounding) -> float:
    quantizer = Quantizer(fmt, mse, Channel(0), rounding)
    q = quantizer.quantize(w, inputs=x)
    return float(np.square(x @ (q - w).T).mean() / np.square(x @ w.T).mean())


PAPER = Paper(
    name="low-bit-float-diffusion",
    row=193,
    title="Low-bitwidth floating point quantization for efficient high-quality diffusion models",
    source="Chen et al., arXiv 2408.06995; image quality itself is not checked here",
    claim="8-bit floats lose next to nothing; 4-bit float weights need learned rounding.",
    composition="Float(2, 1) × grid search × per channel × learned rounding",
    verdict=Verdict.REPRODUCED,
    check=check,
)
