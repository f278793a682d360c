"""Flip FET: energy per cycle from the block-level power and frequency of the abstract."""

from __future__ import annotations

from pathlib import Path

from picojoule.papers.paper import Finding, Paper, Verdict


def check(data: Path | None) -> list[Finding]:
    """Energy per cycle is power over frequency; so is the power at equal frequency and voltage."""
    power, frequency = 1 - 0.119, 1 + 0.250
    return [Finding("energy per cycle over CFET", 0.705, power / frequency, "", 1e-3, derived=True)]


PAPER = Paper(
    name="flip-fet",
    row=54,
    title="Flip FET: block-level power, performance and area against CFET",
    source="abstract only: 25.0% more frequency and 11.9% less power at equal utilisation",
    claim="25.0% faster for 11.9% less power, hence 0.705 of the energy per cycle.",
    composition="arithmetic on the two published ratios alone: power / frequency",
    verdict=Verdict.NOT_CHECKABLE,
    check=check,
)
