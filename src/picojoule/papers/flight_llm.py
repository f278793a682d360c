"""FlightLLM: what its rate and its ratios imply about bytes per token and power."""

from __future__ import annotations

from pathlib import Path

from picojoule.cost.identities import bytes_per_token, implied_power_w
from picojoule.papers.paper import Finding, Paper, Verdict

RATE_TOK_S, SHARE, U280_B_S, PARAMETERS = 55, 0.659, 460e9, 7e9  # LLaMA2-7B on an Alveo U280
V100S_W, V100S_TOK_S, ENERGY_RATIO = 220, 45, 6.0


def check(data: Path | None) -> list[Finding]:
    """Bytes per token, bits per parameter, and the power that the energy ratio implies."""
    token_b = bytes_per_token(RATE_TOK_S, U280_B_S, SHARE)
    power_w = implied_power_w(V100S_W, RATE_TOK_S / V100S_TOK_S, ENERGY_RATIO)
    return [
        Finding("bytes per token", 5.5e9, token_b, "B", 0.01, derived=True),
        Finding(
            "bits per parameter, all in", 6.3, 8 * token_b / PARAMETERS, "bit", 0.008, derived=True
        ),
        Finding("power of the U280", 45, power_w, "W", 0.012, derived=True),
        Finding(
            "share of the bandwidth, on chip over before",
            1.85,
            SHARE / 0.356,
            "",
            0.003,
            derived=True,
        ),
    ]


PAPER = Paper(
    name="flight-llm",
    row=10,
    title="FlightLLM: efficient large language model inference with a complete mapping flow on "
    "FPGAs",
    source="Zeng et al., FPGA 2024, arXiv 2401.03868, as reported by others; its VHK158 numbers "
    "are simulated and not used",
    claim="A U280 decodes LLaMA2-7B at 55 tok/s with 65.9% of its bandwidth, 6.0x the energy "
    "efficiency of a V100S.",
    composition="cost.identities: bytes_per_token, implied_power_w; consistency alone",
    verdict=Verdict.NOT_CHECKABLE,
    check=check,
)
