"""QFX: fixed point in training, and numbers of few nonzero digits that need no multiplier."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.formats import FixedPoint, Int, PowSum
from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.quantize import Quantizer
from picojoule.transforms.quantize.scale import unit

_FRACTION = 12
_K_HOT = {1: 0.038, 2: 1.4e-3, 3: 5e-5}


def check(data: Path | None) -> list[Finding]:
    """The bound of the cast, and the error of K-hot numbers for weights N(0, 0.05²)."""
    w = np.random.default_rng(0).normal(0, 0.05, 400_000)
    cast = Quantizer(FixedPoint(16, _FRACTION), unit).quantize(w)
    # K-hot numbers are those of the fixed-point number with the most significant digits kept.
    hot = {k: Quantizer(PowSum(k, -_FRACTION, 0), unit).quantize(cast) for k in _K_HOT}
    return [
        Finding("largest error of the cast over 2^(-f-1)", 1.0,
                float(np.abs(cast - w).max() * 2 ** (_FRACTION + 1)), relation="<="),
        *(Finding(f"relative squared error, {k}-hot", p,
                  float(np.square(hot[k] - cast).mean() / np.square(cast).mean()), "", 0.05)
          for k, p in _K_HOT.items()),
        Finding("multiplications with int8 activations", 0,
                float(PowSum(2).op_class(Int(8)) != "shift-add")),
    ]  # fmt: skip


PAPER = Paper(
    name="qfx",
    row=196,
    title="Trainable fixed-point quantization for deep learning acceleration on FPGAs",
    source="Dai et al., arXiv 2401.17544; reference values by an independent simulation",
    claim="Fixed point with a learned place of the point, and K-hot weights that are shifts and "
    "adds.",
    composition="FixedPoint(w, f) × PowSum(K)",
    verdict=Verdict.REPRODUCED,
    check=check,
)
