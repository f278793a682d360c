"""Power-Softmax: attention weights by an even power, for arithmetic without exponentials."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.restructure.attention import Power, quadratic


def check(data: Path | None) -> list[Finding]:
    """Rows sum to one, scale doesn't matter, and a large power picks the largest score."""
    rng = np.random.default_rng(0)
    q, k = np.abs(rng.normal(size=(2, 64, 16)))
    eye = np.eye(64)
    weight = quadratic(q, k, eye, Power(2))
    scaled = quadratic(1e6 * q, k, eye, Power(2))
    sharp = quadratic(q, k, eye, Power(4096))
    agree = np.mean(sharp.argmax(1) == (q @ k.T).argmax(1))
    return [
        Finding("largest distance of a row's sum from 1", 1e-12,
                float(np.abs(weight.sum(1) - 1).max()), relation="<="),
        Finding("largest change when queries grow a million times", 1e-12,
                float(np.abs(weight - scaled).max()), relation="<="),
        Finding("rows whose largest weight is at the largest score", 1.0, float(agree)),
    ]  # fmt: skip


PAPER = Paper(
    name="power-softmax",
    row=148,
    title="Power-Softmax: towards secure LLM inference over encrypted data",
    source="Zimerman et al., arXiv 2410.09457",
    claim="x^p / Σx^p with an even p replaces softmax by a polynomial, stable when divided by "
    "the largest score.",
    composition="attention(κ = Power(p), order = quadratic)",
    verdict=Verdict.REPRODUCED,
    check=check,
)
