"""Bit-weight transformation: how many partial products data needs, and what OPT1 saves."""

from __future__ import annotations

from pathlib import Path

from picojoule.cost.elements import booth_digits, mean_partial_products, signed_digits
from picojoule.papers.paper import Finding, Paper, Verdict

PRINTED = {10: 1.75, 20: 2.10, 30: 2.32, 40: 2.48, 50: 2.60}  # of 4, INT8, N(0, σ)
# Synthesis reports (SAED32, 0.85 V): power in mW at MHz, or pJ per cycle; and the printed gain.
OS_ARRAY, OS_ARRAY_OPT1 = 27.6 / 154, 56.4 / 322
CUBE_PJ, CUBE_OPT1_PJ = 217, 234


def check(data: Path | None) -> list[Finding]:
    """Exact means of two encodings, and energies per cycle of the published reports."""
    excess = min(mean_partial_products(booth_digits, s) / p - 1 for s, p in PRINTED.items())
    return [
        *(Finding(f"mean partial products, σ = {sigma}", printed,
                  mean_partial_products(signed_digits, sigma), "", 0.01)
          for sigma, printed in PRINTED.items()),
        Finding("least excess of Booth's digits over the table", 0.05, excess, "", 0, ">="),
        Finding("energy per cycle, output-stationary array over OPT1", 1.04,
                OS_ARRAY / OS_ARRAY_OPT1, "", 0.005, note="1.02 by the published reports, at "
                "default switching activity"),
        Finding("energy per cycle, cube over OPT1", 1.56, CUBE_PJ / CUBE_OPT1_PJ, "", 0.005,
                note="0.93 by the published reports: OPT1's cube takes more"),
    ]  # fmt: skip


PAPER = Paper(
    name="bit-weight",
    row=137,
    title="Exploring the performance improvement of tensor processing engines through "
    "transformation in the bit-weight dimension of MACs",
    source="Wu et al., HPCA 2025, arXiv 2503.06342; reports of "
    "wqzustc/High-Performance-Tensor-Processing-Engines (MIT)",
    claim="Sign-magnitude radix-4 digits leave 1.75 to 2.60 of 4 partial products, and OPT1 "
    "saves energy.",
    composition="cost.elements: mean_partial_products of signed_digits, and of booth_digits",
    verdict=Verdict.PARTLY,
    check=check,
)
