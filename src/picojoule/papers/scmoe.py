"""SCMoE: two ways to route one mixture of experts, contrasted at every token."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.policies import PathLedger, Stage
from picojoule.policies.contrast import self_contrast

# Parameters of Mixtral 8x7B that a token passes with two experts and with one (config.json:
# 32 layers, 4096 wide, 14336 hidden, 8 kv heads of 128, 32,000 tokens).
_ATTENTION = 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024)
_EXPERT = 32 * 3 * 4096 * 14336
_EDGES = 2 * 32_000 * 4096


def check(data: Path | None) -> list[Finding]:
    """Greedy choice at beta 0, plausible tokens only at any beta, and energy by parameters."""
    rng = np.random.default_rng(0)
    strong, weak = rng.normal(0, 3, (2, 2000, 512))
    greedy = strong.argmax(-1)
    kept = np.exp(strong - strong.max(-1, keepdims=True)) >= 0.1
    chosen = self_contrast(strong, weak, beta=0.5, alpha=0.1).argmax(-1)
    two, one = (_ATTENTION + _EDGES + k * _EXPERT for k in (2, 1))
    passes = PathLedger((Stage("strong", two), Stage("weak", one)))
    energy = passes.expected({("strong", "weak"): 1.0}).total().energy.value / two
    return [
        Finding("tokens that differ from greedy at beta 0", 0,
                float((self_contrast(strong, weak, beta=0.0).argmax(-1) != greedy).sum())),
        Finding("tokens chosen below alpha of the likeliest", 0,
                float((~np.take_along_axis(kept, chosen[:, None], -1)).sum())),
        Finding("tokens that differ from greedy at beta 0.5, so the test can tell", 1,
                float((chosen != greedy).sum()), "", 0, ">="),
        Finding("parameters a token passes, two experts", 12.9, two / 1e9, "G", 5e-3),
        Finding("energy a token over greedy, 1 + weak/strong", 1 + one / two, energy, "", 1e-12),
        Finding("energy a token over greedy, for 'minimal' extra cost at most", 1.1, energy, "x",
                0, "<=", note="two passes a token: in parameters read the weak one costs "
                f"{one / two:.0%} of the strong one"),
    ]  # fmt: skip


PAPER = Paper(
    name="scmoe",
    row=119,
    title="Unchosen experts can contribute too: unleashing MoE models' power by self-contrast",
    source="Shi et al., NeurIPS 2024, arXiv 2405.14507",
    claim="Contrasting a strong and a weak routing raises GSM8K from 61.79 to 66.94 at minimal "
    "latency.",
    composition="self_contrast; PathLedger(strong, weak) by parameters read",
    verdict=Verdict.PARTLY,
    check=check,
)
