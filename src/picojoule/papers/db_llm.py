"""DB-LLM: 2-bit weights as two binary codes of 0 and 1, so that zeros save additions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.formats import Int, MultiBinary
from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.quantize import Quantizer

_FORMAT = MultiBinary(2, alphabet="bits")


def check(data: Path | None) -> list[Finding]:
    """Levels, error and sparsity for Gaussian weights, and what the hardware does."""
    w = np.random.default_rng(0).normal(size=400_000)
    encoded = Quantizer(_FORMAT).encode(w)
    levels = np.unique(encoded.values)
    bits = encoded.codes.values
    error = float(np.square(encoded.values - w).mean() / np.square(w).mean())
    return [
        *(
            Finding(f"level {k} in units of s", p, float(level / levels[2]), "", 1e-6)
            for k, (p, level) in enumerate(zip((-1, 0, 1, 2), levels, strict=True))
        ),
        Finding("relative squared error at s = 1.05 σ", 0.150, error, "", 0.002 / 0.150),
        Finding("share of ones in the first code", 0.30, float((bits & 1).mean()), "", 0.02),
        Finding("share of ones in the second code", 0.54, float((bits >> 1).mean()), "", 0.02),
        Finding("multiplications with int8 activations", 0,
                float(_FORMAT.op_class(Int(8)) != "add")),
    ]  # fmt: skip


PAPER = Paper(
    name="db-llm",
    row=178,
    title="DB-LLM: accurate dual-binarization for efficient LLMs",
    source="Chen et al., arXiv 2402.11960; reference values by an independent simulation",
    claim="Two flexible binary codes give the levels of 2 bits and sparse additions.",
    composition="MultiBinary(2, alphabet='bits')",
    verdict=Verdict.REPRODUCED,
    check=check,
)
