"""Dolphin: a small model reads the long context, a large one reads what it made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from picojoule.cost import estimate
from picojoule.graph.count import count
from picojoule.graph.trace import trace
from picojoule.papers.paper import Finding, Paper, Verdict

_LARGE: dict[str, Any] = {
    "model_type": "qwen2", "hidden_size": 3584, "num_hidden_layers": 28,
    "num_attention_heads": 28, "num_key_value_heads": 4, "intermediate_size": 18944,
    "vocab_size": 152064, "tie_word_embeddings": False,
}  # fmt: skip
_SMALL: dict[str, Any] = {
    "model_type": "qwen2", "hidden_size": 896, "num_hidden_layers": 24,
    "num_attention_heads": 14, "num_key_value_heads": 2, "intermediate_size": 4864,
    "vocab_size": 151936, "tie_word_embeddings": True,
}  # fmt: skip
_CONTEXT, _ENERGY, _LATENCY = 4096, 10.0, 5.0  # tokens; the claimed ratios


def parameter_ratio(memory: float, large: float = 7.0, small: float = 0.5) -> float:
    """7L / (0.5L + 7m): work of a prefill, counted as parameters × tokens, for m/L = memory."""
    return large / (small + large * memory)


def check(data: Path | None) -> list[Finding]:
    """The ratio by parameters, then by MACs and joules of whole prefills at the needed m."""
    memory = (7.0 / _ENERGY - 0.5) / 7.0
    tokens = round(memory * _CONTEXT)
    whole, reader, rest = (
        trace(model, prompt=n)
        for model, n in ((_LARGE, _CONTEXT), (_SMALL, _CONTEXT), (_LARGE, tokens))
    )
    macs = count(whole).macs / (count(reader).macs + count(rest).macs)
    alone, small, large = (estimate(g, "h100-sxm").total() for g in (whole, reader, rest))
    joules = alone.energy.value / (small.energy.value + large.energy.value)
    seconds = alone.time.value / (small.time.value + large.time.value)
    note = "attention of the small model grows with L² too, and it reaches less of the peak"
    return [
        Finding("limit of the ratio without memory tokens", 14.0, parameter_ratio(0.0)),
        Finding("memory tokens per token of context for 10x", 0.0286, memory, "", 2e-3),
        Finding("ratio by parameters there", _ENERGY, parameter_ratio(memory), "x", 1e-9),
        Finding("ratio by MACs there, 4,096 tokens", _ENERGY, macs, "x", 0.05, note=note),
        Finding("ratio by joules there, on an H100", _ENERGY, joules, "x", 0.1, note=note),
        Finding("ratio by seconds there, on an H100", _LATENCY, seconds, "x", 0.1),
    ]  # fmt: skip


PAPER = Paper(
    name="dolphin",
    row=1,
    title="Dolphin: long context as a new modality for energy-efficient on-device language models",
    source="Chen et al., arXiv 2408.15518; widths of Qwen2-7B and Qwen2-0.5B as released",
    claim="A 0.5B model that condenses the context for a 7B model saves 10x energy and 5x latency.",
    composition="trace(prompt=L) on both models × roofline; 7L/(0.5L + 7m)",
    verdict=Verdict.PARTLY,
    check=check,
    seconds=3,
)
