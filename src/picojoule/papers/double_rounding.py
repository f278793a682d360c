"""Double Rounding: one stored int8 model serves at 4 and at 2 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.formats import Int
from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.quantize import Quantizer, Scale
from picojoule.transforms.quantize.rounding import double, nearest
from picojoule.transforms.quantize.scale import least_squares

_STEP = 4 / 127  # of the stored int8, for weights N(0, 1)
_PUBLISHED = {4: (0.0770, 0.0214, 0.0120, 0.0119), 2: (1.32, 0.337, 0.149, 0.149)}


def check(data: Path | None) -> list[Finding]:
    """Relative squared error of Gaussian weights at the low width, four ways."""
    w = np.random.default_rng(0).normal(size=400_000)
    ways = ("low bits dropped", "rounded twice", "rounded twice, scale fitted", "rounded once")
    findings = []
    for bits, published in _PUBLISHED.items():
        found = _errors(w, bits)
        findings += [
            Finding(f"int8 to int{bits}, {way}", p, f, "", 0.05)
            for way, p, f in zip(ways, published, found, strict=True)
        ]
        findings.append(
            Finding(f"int{bits}: fitted double rounding over direct", 1.02, found[2] / found[3],
                    "", 0, "<="))  # fmt: skip
    return findings


def _errors(w: np.ndarray, bits: int) -> list[float]:
    grid, shift = Int(bits), 2.0 ** (8 - bits)
    same_step = Scale(np.full((1, 1), _STEP * shift), np.zeros((1, 1)))
    dropped = grid.quantize(np.floor(Int(8).quantize(w / _STEP) / shift)) * shift * _STEP
    values = (
        dropped,
        Quantizer(grid, rounding=double).quantize(w, same_step),
        Quantizer(grid, least_squares, rounding=double).quantize(w),
        Quantizer(grid, least_squares, rounding=nearest).quantize(w),
    )
    return [float(np.square(q - w).mean() / np.square(w).mean()) for q in values]


PAPER = Paper(
    name="double-rounding",
    row=176,
    title="Nearly lossless adaptive bit switching",
    source="Huang et al., 2025; reference values by an independent simulation",
    claim="Rounding the stored int8 code again, with a scale per width, switches widths at almost "
    "no loss.",
    composition="Int(4|2) × least-squares scale × double rounding",
    verdict=Verdict.REPRODUCED,
    check=check,
)
