"""DeepSpeed-MoE: sizes of its models, from their dimensions."""

from __future__ import annotations

from pathlib import Path

from picojoule.papers.paper import Finding, Paper, Verdict

# (width, base parameters, experts that each mixture layer adds to the base's own, printed billions)
_MODELS = {
    "350M + MoE-128": (1024, 0.35e9, [127] * 12, 13),
    "350M + PR-MoE-32/64": (1024, 0.35e9, [32] * 10 + [64] * 2, 4),
    "1.3B + MoE-128": (2048, 1.3e9, [127] * 12, 52),
    "1.3B + PR-MoE-64/128": (2048, 1.3e9, [64] * 10 + [128] * 2, 31),
}


def check(data: Path | None) -> list[Finding]:
    """Experts of two matrices of 4h² each, in every other layer, to half a printed billion. The
    base's own feed-forward layer is one of the experts, or the residual one beside them."""
    found = []
    for name, (width, base, experts, billions) in _MODELS.items():
        size = base + sum(experts) * 8 * width**2
        slack = 0.5 / billions
        found.append(Finding(f"parameters of {name}", billions, size / 1e9, "10⁹", slack))
    return found


PAPER = Paper(
    name="deepspeed-moe",
    row=114,
    title="DeepSpeed-MoE: advancing mixture-of-experts inference and training",
    source="Rajbhandari et al., ICML 2022, arXiv 2201.05596, Table 3",
    claim="Pyramid-residual experts need a third (350M) to three fifths (1.3B) of the parameters "
    "of 128 experts everywhere.",
    composition="arithmetic on the published dimensions alone: base + Σ experts × 8h²",
    verdict=Verdict.REPRODUCED,
    check=check,
)
