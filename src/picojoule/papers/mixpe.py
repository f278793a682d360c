"""MixPE: scales multiply after a group's sum, and few-bit weights are shifts and adds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.cost.elements import (
    dequantised_gemm,
    grouped_gemm,
    scale_multiplications,
    shift_adds,
)
from picojoule.papers.paper import Finding, Paper, Verdict

K, GROUP = 4096, 128


def check(data: Path | None) -> list[Finding]:
    """Counts, and that both orders give one result."""
    rng = np.random.default_rng(0)
    x = rng.integers(-128, 128, (4, K))
    codes = rng.integers(-8, 8, (8, K))
    scales = rng.uniform(0.001, 0.01, (8, K // GROUP))
    first, after = dequantised_gemm(x, codes, scales), grouped_gemm(x, codes, scales)
    int4 = shift_adds(np.arange(-7, 8))
    return [
        Finding("multiplications by a scale, before over after the group", 128,
                scale_multiplications(K) / scale_multiplications(K, GROUP)),
        Finding("relative difference of the two products", 1e-12,
                float(np.abs(after - first).max() / np.abs(first).max()), "", 0, "<="),
        Finding("most shifted activations of an INT4 weight in −7..7", 3, int(int4.max())),
    ]  # fmt: skip


PAPER = Paper(
    name="mixpe",
    row=28,
    title="MixPE: quantization and hardware co-design for efficient LLM inference",
    source="Zhang et al., arXiv 2411.16158, abstract; the 2.6x and 1.4x of its PEs need its RTL",
    claim="Dequantising after each group cuts the multiplications by a scale from K to K/g.",
    composition="cost.elements: grouped_gemm against dequantised_gemm, shift_adds",
    verdict=Verdict.REPRODUCED,
    check=check,
)
