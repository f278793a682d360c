"""ShiftAddViT: weights that are powers of two, so that products are shifts."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from picojoule.formats import Int, Log, PowSum
from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.quantize import Quantizer
from picojoule.transforms.quantize.scale import unit

_SHIFT = Log(5, signed=True)  # 2^0 to 2^-14 and zero, rounded by the exponent


def check(data: Path | None) -> list[Finding]:
    """Errors of 5-bit powers of two, and what hardware does with them."""
    x = np.geomspace(2.0**-14, 1, 1_000_001)
    w = np.random.default_rng(0).normal(size=400_000)
    w = w / np.abs(w).max()
    by_value = PowSum(1, -14, 0)
    return [
        Finding("largest relative error", math.sqrt(2) - 1, _worst(_SHIFT, x), "", 1e-4),
        Finding("largest relative error, rounded by value", 1 / 3, _worst(by_value, x), "", 1e-4),
        Finding("relative squared error, Gaussian", 0.0416, _mean(_SHIFT, w), "", 0.02),
        Finding("same, rounded by value over by exponent", 1.0,
                _mean(by_value, w) / _mean(_SHIFT, w), "", 0, "<="),
        Finding("bits", 5, by_value.bits_per_element()),
        Finding("shift-add with int8 activations", 1,
                float(by_value.op_class(Int(8)) == "shift-add")),
    ]  # fmt: skip


def _worst(fmt: Log | PowSum, x: np.ndarray) -> float:
    return float(np.abs(Quantizer(fmt, unit).quantize(x) / x - 1).max())


def _mean(fmt: Log | PowSum, w: np.ndarray) -> float:
    q = Quantizer(fmt, unit).quantize(w)
    return float(np.square(q - w).mean() / np.square(w).mean())


PAPER = Paper(
    name="shift-add-vit",
    row=79,
    title="ShiftAddViT: mixture of multiplication primitives towards efficient vision transformer",
    source="You et al., NeurIPS 2023, arXiv 2306.06446; its accuracy, latency and joules are "
    "not checked",
    claim="Power-of-two weights turn multiplications into shifts. "
    "(The released code sets the loss that balances its experts to zero.)",
    composition="Log(5, signed) | PowSum(1) weights × Int(8) activations",
    verdict=Verdict.REPRODUCED,
    check=check,
)
