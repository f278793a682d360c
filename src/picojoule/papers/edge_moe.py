"""Edge-MoE: a table for GELU, softmax in one pass, and experts whose weights are loaded once."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.cost.cascade.gelu import gelu, gelu_by_table, gelu_table
from picojoule.cost.cascade.softmax import online, three_pass
from picojoule.papers.paper import Finding, Paper, Verdict

STEP, ENTRIES = 1 / 32, 178


def check(data: Path | None) -> list[Finding]:
    """The table's error against erf, and online softmax against softmax in float64."""
    x = np.linspace(-10, 10, 1_000_001)
    table = gelu_table(STEP, ENTRIES)
    error = float(np.max(np.abs(gelu_by_table(x, table, STEP) - gelu(x))))
    scores = 10 * np.random.default_rng(0).standard_normal(4096)
    reference = three_pass(scores)
    apart = max(float(np.max(np.abs(online(scores, t) - reference))) for t in (1, 7, 129))
    beyond = float(np.abs(ENTRIES * STEP - gelu(np.array([ENTRIES * STEP])))[0])
    return [
        Finding("largest error of table GELU", 9.7e-5, error, "", 0.005),
        Finding("what the table leaves out beyond its end", 1e-6, beyond, "", 0, "<="),
        Finding("online softmax against softmax", 1e-12, apart, "", 0, "<="),
        Finding("experts loaded over tokens x 2, all 16 used, 129 tokens", 16 / 258, _loads()),
    ]


def _loads() -> float:
    """Weight traffic of 129 tokens with 2 experts each, expert by expert over token by token."""
    chosen = np.random.default_rng(0).random((129, 16)).argsort(axis=1)[:, :2]
    return len(np.unique(chosen)) / chosen.size


PAPER = Paper(
    name="edge-moe",
    row=7,
    title="Edge-MoE: memory-efficient multi-task vision transformer architecture with task-level "
    "sparsity via mixture-of-experts",
    source="Sarkar et al., ICCAD 2023, arXiv 2305.18691; tables of its HLS sources",
    claim="GELU from a 178-entry table and softmax in one pass are exact enough, and each used "
    "expert is loaded once.",
    composition="cost.cascade: gelu_by_table against erf; softmax.online against three_pass",
    verdict=Verdict.REPRODUCED,
    check=check,
)
