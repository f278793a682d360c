"""PIM-GPT: what reading weights in all banks at once can explain, and two sets of energies."""

from __future__ import annotations

from pathlib import Path

from picojoule.cost.identities import implied_power_w, streaming_s
from picojoule.papers.paper import Finding, Paper, Verdict

CHANNELS, BANKS, BANK_B_S = 8, 16, 32e9  # GDDR6: 32 bytes per ns of an open row in each bank
T4_B_S, T4_W = 320e9, 70  # NVIDIA T4 datasheet
GPT3_XL_B = 2 * 1.15e9  # parameters as in the paper's introduction, two bytes each
SPEED_UP = (41, 137)  # over the T4, both versions
ENERGY_V1 = (339, 1085, 890, 1632)  # less than GPU (two ends), than CPU (two ends)
ENERGY_V2 = (123, 383, 320, 602)


def check(data: Path | None) -> list[Finding]:
    """Bandwidth inside over outside, and the versions against each other."""
    inside_s = streaming_s(GPT3_XL_B, CHANNELS, BANKS, BANK_B_S)
    outside_s = streaming_s(GPT3_XL_B, 1, 1, T4_B_S)
    factors = [one / two for one, two in zip(ENERGY_V1, ENERGY_V2, strict=True)]
    power = [implied_power_w(T4_W, s, e) for s, e in zip(SPEED_UP, ENERGY_V2, strict=False)]
    return [
        Finding("weights of one token, all banks", 0.56e-3, inside_s, "s", 0.005),
        Finding("speed-up over a T4 by bandwidth, least claimed", 41, outside_s / inside_s, "", 0,
                ">=", note="12.8x: the claim needs a GPU at 31% (41x) to 9% (137x) of its "
                "bandwidth"),
        Finding("energy of version 1 over version 2, largest over smallest of four", 1.05,
                max(factors) / min(factors), "", 0, "<="),
        Finding("power implied by version 2 at one end of the claim over the other", 1,
                power[1] / power[0], "", 0.1),
        Finding("energy saved over a GPU, least, version 1", ENERGY_V1[0], ENERGY_V2[0], "", 0.01,
                note="version 2, the published one, prints 2.7 to 2.8 times less at unchanged "
                "speed-ups"),
    ]  # fmt: skip


PAPER = Paper(
    name="pim-gpt",
    row=19,
    title="PIM-GPT: a hybrid process-in-memory accelerator for autoregressive transformers",
    source="Wu, Wang and Lu, npj Unconventional Computing 2024, arXiv 2310.09385 (v1 and v2)",
    claim="Products in the banks of GDDR6 generate tokens 41-137x faster than a GPU on 123-383x "
    "less energy.",
    composition="cost.identities: streaming_s, implied_power_w",
    verdict=Verdict.PARTLY,
    check=check,
)
