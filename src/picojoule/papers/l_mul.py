"""L-Mul: floats multiplied by adding their bit patterns."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.formats import Float, LMul
from picojoule.papers.paper import Finding, Paper, Verdict

# pJ at 45 nm (Horowitz, ISSCC 2014): float multiply and add, integer add of the same width.
_PJ = {16: (1.1, 0.4, 0.05), 32: (3.7, 0.9, 0.1)}


def check(data: Path | None) -> list[Finding]:
    """Errors of the adder against FP8 products, and the arithmetic behind the energy claims."""
    a, b = np.random.default_rng(1).normal(size=(2, 2_000_000))
    adder = {m: _relative(LMul(Float(8, m)).multiply(a, b), a * b) for m in (3, 4)}
    e5m2, e4m3 = (_relative(_product(Float(e, m), a, b), a * b) for e, m in ((5, 2), (4, 3)))
    u, v = np.random.default_rng(0).uniform(1, 2, (2, 400_000))
    full = np.abs(LMul(Float(8, 23)).multiply(u, v) / (u * v) - 1).mean()
    printed = np.abs((1 + (u - 1) + (v - 1) + 2.0**-4) / (u * v) - 1).mean()
    saved = {w: 1 - i / m for w, (m, _, i) in _PJ.items()}
    dot = {w: 1 - (i + add) / (m + add) for w, (m, add, i) in _PJ.items()}
    return [
        Finding("relative squared error, m=3 over e5m2", 1.0, adder[3] / e5m2, "", 0, "<="),
        Finding("relative squared error, m=3", 4.9e-3, adder[3], "", 0.05),
        Finding("relative squared error, m=4 over e4m3", 1.0, adder[4] / e4m3, "", 0, "<=",
                note="four mantissa bits err twice as much as e4m3"),
        Finding("mean error of the adder, full mantissa", 0.0266, float(full), "", 0.04),
        Finding("mean error of the printed formula over the adder's", 1.0, float(printed / full),
                "", 0.05, note="without a carry into the exponent it is another function: 7.6%"),
        Finding("energy of a multiplication saved, 16 bits", 0.95, saved[16], "", 0.01),
        Finding("energy of a dot product saved, 32 bits", 0.80, dot[32], "", 0.025),
        Finding("energy of a dot product saved, 16 bits", 0.80, dot[16], "", 0.025,
                note="arithmetic alone, without any data movement: 70%"),
    ]  # fmt: skip


def _product(fmt: Float, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return fmt.quantize(fmt.quantize(a) * fmt.quantize(b))


def _relative(q: np.ndarray, x: np.ndarray) -> float:
    return float(np.square(q - x).sum() / np.square(x).sum())


PAPER = Paper(
    name="l-mul",
    row=41,
    title="Addition is all you need for energy-efficient language models",
    source="Luo and Sun, arXiv 2410.00907",
    claim="An integer adder stands in for float multiplication: better than e5m2 with 3 mantissa "
    "bits, as good as e4m3 with 4, at 80 to 95% less energy.",
    composition="LMul(Float(8, m))",
    verdict=Verdict.PARTLY,
    check=check,
    seconds=3,
)
