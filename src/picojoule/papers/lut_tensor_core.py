"""LUT Tensor Core: products with few-bit weights by looking sums up."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.cost.elements import dequantised_gemm, lut_gemm, lut_work, tables
from picojoule.papers.paper import Finding, Paper, Verdict

GROUP = 4
# Printed: rate and area per SM of an A100 and of the look-up design four times as fast.
A100, LUT_4X = (312, 0.975), (1248, 0.187)  # T operations/s, mm²


def check(data: Path | None) -> list[Finding]:
    """Look-up against dequantised products, the size of a table, density from what is printed."""
    work = lut_work(2, 64, GROUP, 2, GROUP)  # the tile M2 N64 K4 with 2-bit weights
    size = tables(np.ones((1, GROUP), int), GROUP).shape[-1]
    density = LUT_4X[0] / LUT_4X[1] / (A100[0] / A100[1])
    return [
        *(Finding(f"largest error of W{bits} × int8 against dequantised", 0, _error(bits))
          for bits in (1, 2, 3, 4)),
        Finding("entries of a table for 4 activations", 2 ** (GROUP - 1), size),
        Finding("additions that fill tables over look-ups, tile M2N64K4, W2", 0.1,
                work.table_adds / work.lookups, "", 0, "<="),
        Finding("density over an A100's", 20.9, density, "", 0.0024),
    ]  # fmt: skip


def _error(bits: int) -> float:
    """Scales are powers of two, so that float64 adds no rounding of its own."""
    rng = np.random.default_rng(bits)
    x = rng.integers(-128, 128, (8, 128))
    codes = rng.integers(0, 2**bits, (16, 128))
    zero, scale = 2 ** (bits - 1), 2.0 ** -rng.integers(0, 8, (16, 1))
    ours = scale.T * (lut_gemm(x, codes, bits, GROUP) - zero * x.sum(axis=1)[:, None])
    return float(np.abs(ours - dequantised_gemm(x, codes - zero, scale)).max())


PAPER = Paper(
    name="lut-tensor-core",
    row=29,
    title="LUT Tensor Core: a software-hardware co-design for LUT-based low-bit LLM inference",
    source="Mo et al., ISCA 2025, arXiv 2408.06003, as reported by others",
    claim="Looking up signed sums of 4 activations replaces products with 1- to 4-bit weights, "
    "exactly, at 20.9x the density.",
    composition="cost.elements: lut_gemm against dequantised_gemm, tables, lut_work",
    verdict=Verdict.REPRODUCED,
    check=check,
)
