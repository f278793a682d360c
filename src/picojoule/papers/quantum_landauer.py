"""Quantum energy advantage: the Landauer bound, from which its classical side is built."""

from __future__ import annotations

from pathlib import Path

from picojoule.chips.limits import landauer
from picojoule.papers.paper import Finding, Paper, Verdict


def check(data: Path | None) -> list[Finding]:
    """One bit at 300 K; the classical bound is 2^(n / 2) of them."""
    return [Finding("erasing one bit at 300 K", 2.871e-21, landauer(1.0), "J", 2e-4)]


PAPER = Paper(
    name="quantum-landauer",
    row=66,
    title="Energetic advantage of quantum computing on Simon's problem",
    source="abstract; Landauer, IBM J. Res. Dev. 5, 1961; k_B of the SI, 2019",
    claim="Any classical machine needs energy exponential in the problem, by Landauer's principle.",
    composition="landauer(queries)",
    verdict=Verdict.REPRODUCED,
    check=check,
)
