"""Chain-of-Experts: two passes over few experts instead of one over many."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.restructure.moe import MoE, combinations, split_ffn

_LAYERS, _WIDTH, _INNER, _ROUTED = 4, 1024, 704, 63


def check(data: Path | None) -> list[Finding]:
    """Sizes, the number of expert sets, and that two passes of four cost as one of eight."""
    calls: list[int] = []
    rng = np.random.default_rng(0)
    up, down = rng.normal(size=(64, 8)), rng.normal(size=(8, 64))

    def counted(x: np.ndarray) -> np.ndarray:
        calls.append(len(x))
        out: np.ndarray = np.maximum(x, 0.0)
        return out

    experts = split_ffn(up, down, counted, 16)
    routers = list(rng.normal(size=(2, 8, 16)))
    x = rng.normal(size=(32, 8))
    tokens = []
    for layer in (MoE(experts, routers[:1], 8), MoE(experts, routers, 4, inner_residual=True)):
        calls.clear()
        layer(x)
        tokens.append(sum(calls))
    return [
        Finding("routed parameters", 545e6, _LAYERS * _ROUTED * 3 * _WIDTH * _INNER, "", 1e-3),
        Finding("expert calls of 2 passes × 4 over 1 pass × 8", 1, tokens[1] / tokens[0]),
        Finding(
            "expert sets, 2 × 4 of 64 over 8 of 64", 823,
            combinations(64, 4, 2) / combinations(64, 8), "x", 0.01,
            note="C(64,4)²/C(64,8) is 91.2; with the 63 routed experts 91.6",
        ),
    ]  # fmt: skip


PAPER = Paper(
    name="chain-of-experts",
    row=111,
    title="Chain-of-Experts: unlocking the communication power of mixture-of-experts models",
    source="Wang et al., README of ZihanWang314/CoE",
    claim="Two iterations of four experts cost as much as one of eight and may choose among 823 "
    "times as many sets.",
    composition="MoE(N=64, k=4, iters=2, inner residual)",
    verdict=Verdict.PARTLY,
    check=check,
)
