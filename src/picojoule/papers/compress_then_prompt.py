"""Compress, then prompt: trained vectors before the text of a 2-bit model, and their bill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from picojoule.formats import Int
from picojoule.papers import letters
from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.quantize import Channel, LayerPlan, Quantize, Quantizer, bake
from picojoule.transforms.quantize.scale import mse

_VECTORS, _SEEDS, _CHIP = 10, (0, 1, 2), "raspberry-pi-4"
_LAYERS = ("qkv", "join", "up", "down")
_WEIGHTS = LayerPlan(Quantizer(Int(2), mse, Channel(0)))


def check(data: Path | None) -> list[Finding]:
    """What of the gap in perplexity a prompt closes, and joules with it over those without."""
    closed, bills = zip(*(_closed_and_bill(seed) for seed in _SEEDS), strict=True)
    return [
        Finding("share of the perplexity lost at 2 bits that a prompt of 10 wins back", 0.3,
                float(np.mean(closed)), "", 0, ">=",
                note="at this size it wins back under a tenth: perplexity 2.5 in floats, 3.9 at "
                "2 bits, 3.8 with the prompt"),
        Finding(f"joules of {letters.WINDOW} letters with the prompt, if it were free", 1.0,
                float(np.mean(bills)), "x", 0.01,
                note="every request computes the vectors too; their share falls with its length"),
    ]  # fmt: skip


def _closed_and_bill(seed: int) -> tuple[float, float]:
    from picojoule.transforms.distill.adapters import SoftPrompt

    whole = letters.model(seed)
    letters.train(whole, whole.parameters(), seed, steps=200, rate=5e-3)
    small = bake(Quantize().apply(whole, dict.fromkeys(_LAYERS, _WEIGHTS)))
    small.requires_grad_(False)
    lost, before = letters.perplexity(small) - letters.perplexity(whole), _joules(small)
    small.prompt = SoftPrompt(_VECTORS, letters.WIDTH)
    letters.train(small, small.prompt.parameters(), seed, steps=150, rate=1e-2)
    left = letters.perplexity(small) - letters.perplexity(whole)
    return 1 - left / lost, _joules(small) / before


def _joules(model: Any) -> float:
    """Of one window on a small computer."""
    from picojoule.cost import estimate
    from picojoule.graph.trace import trace

    graph = trace(model, letters.letters()[None, : letters.WINDOW])
    return estimate(graph, _CHIP).total().energy.value


PAPER = Paper(
    name="compress-then-prompt",
    row=112,
    title="Compress, then prompt: improving accuracy-efficiency trade-off of LLM inference with "
    "transferable prompt",
    source="Xu et al., arXiv 2305.11186; the bound of 30% is for a small stand-in",
    claim="A soft prompt trained on a compressed model recovers most of what compression cost.",
    composition="Int(2) × least squared error × row, SoftPrompt(10), roofline with and without it",
    verdict=Verdict.CONTRADICTED,
    check=check,
    needs=("torch",),
    seconds=15,
)
