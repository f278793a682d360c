"""Two-pass softmax: exponentials with an exponent of their own, so no maximum is awaited."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.cost.cascade import SOFTMAX_THREE_PASS, SOFTMAX_TWO_PASS, passes
from picojoule.cost.cascade.softmax import three_pass, two_pass
from picojoule.papers.paper import Finding, Paper, Verdict


def check(data: Path | None) -> list[Finding]:
    """Equality in float32, and the traffic ceiling over the published speed-ups. What a CPU gains
    is a matter of its caches and isn't checked here."""
    reads = [passes(cascade, "M") for cascade in (SOFTMAX_THREE_PASS, SOFTMAX_TWO_PASS)]
    ceiling = (reads[0] + 1) / (reads[1] + 1)  # each pass reads, the last one writes too
    generator = np.random.default_rng(0)
    worst = max(_difference(scale * generator.standard_normal(2**18)) for scale in (1, 10, 30))
    return [
        Finding("passes of three-pass softmax", 3, reads[0]),
        Finding("passes of two-pass softmax", 2, reads[1]),
        Finding("largest relative difference, float32", 2e-5, worst, relation="<="),
        Finding("bound on the speed-up out of cache, AVX2", 1.18, ceiling, "", 0, ">="),
        Finding("bound on the speed-up out of cache, AVX512", 1.28, ceiling, "", 0, ">="),
    ]


def _difference(x: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    single = x.astype(np.float32)
    ours, reference = two_pass(single), three_pass(single).astype(np.float64)
    normal = reference > np.finfo(np.float32).tiny
    return float(np.max(np.abs(ours[normal] / reference[normal] - 1)))


PAPER = Paper(
    name="two-pass-softmax",
    row=179,
    title="The two-pass softmax algorithm",
    source="Dukhan and Ablavatski, IPDPSW 2020, arXiv 2001.04438",
    claim="Two passes instead of three compute the same softmax, up to 1.18x (AVX2) or 1.28x "
    "(AVX512) faster out of cache.",
    composition="cost.cascade: passes of both cascades; softmax.two_pass against three_pass",
    verdict=Verdict.REPRODUCED,
    check=check,
)
