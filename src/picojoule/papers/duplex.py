"""Duplex: products of few operations per byte run on units in the memory's logic die."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from picojoule.chips import Chip, load_chip
from picojoule.cost.pim import Dispatch, break_even, seen_from, split_experts
from picojoule.cost.pim.sides import pim_part
from picojoule.cost.roofline import Roofline
from picojoule.formats import parse_format
from picojoule.graph import Graph, Kind, Op, Operand, Phase, Role
from picojoule.graph.from_hf import from_hf
from picojoule.papers.paper import Finding, Paper, Verdict

# Mixtral-8x7B, as its config.json has it.
MIXTRAL: dict[str, Any] = {
    "model_type": "mixtral", "architectures": ["MixtralForCausalLM"], "hidden_size": 4096,
    "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "num_local_experts": 8, "num_experts_per_tok": 2,
    "vocab_size": 32000, "hidden_act": "silu", "max_position_embeddings": 32768,
    "rms_norm_eps": 1e-5, "tie_word_embeddings": False,
}  # fmt: skip


def check(data: Path | None) -> list[Finding]:
    """Break-even intensity, and decode steps of Mixtral on the host alone and on both sides."""
    chip = load_chip("duplex")
    speed_up, energy = [], []
    for batch in (32, 64, 128):
        for context in (256, 1024, 4096):
            graph = from_hf(MIXTRAL, batch=batch, context=context, phase=Phase.DECODE)
            host, both = (e.estimate(graph, chip).total() for e in (Roofline(), Dispatch()))
            speed_up.append(host.time.value / both.time.value)
            energy.append(both.energy.value / host.energy.value)
    return [
        Finding("operations per byte above which the host is faster", 32,
                break_even(chip, "bfloat16")[0].value, "", 0.1),
        Finding("largest speed-up of a decode step", 2.67, max(speed_up), "", 0.1,
                note="3.4x at batch 32, of decode alone: the published streams have prefill too"),
        Finding("least energy of a decode step over the host's", 0.58, min(energy), "", 0.01),
        Finding("slowest decode step over the host's", 1, 1 / min(speed_up), "", 0, "<="),
        Finding("skewed experts, the better side alone over both at once", 1, _co_processing(chip),
                "", 0, ">="),
    ]  # fmt: skip


def _co_processing(chip: Chip) -> float:
    """64 experts whose tokens fall as 1/rank, 4096 in all: some have few, some many."""
    weight = 1 / np.arange(1, 65)
    tokens = np.random.default_rng(0).multinomial(4096, weight / weight.sum())
    memory = seen_from(pim_part(chip).unit[0], chip)
    host_s, memory_s = ([_expert_s(side, int(t)) for t in tokens] for side in (chip, memory))
    return min(sum(host_s), sum(memory_s)) / split_experts(host_s, memory_s)[1]


def _expert_s(side: Chip, tokens: int) -> float:
    """Seconds of one product of an expert on one side."""
    if tokens == 0:
        return 0.0
    half = parse_format("bfloat16")
    dims = {"m": tokens, "n": 14336, "k": 4096}
    operands = (
        Operand(("m", "k"), half, Role.INPUT),
        Operand(("k", "n"), half, Role.WEIGHT),
        Operand(("m", "n"), half, Role.OUTPUT),
    )
    graph = Graph("expert", (Op("up", Kind.MATMUL, dims, operands),))
    return Roofline().estimate(graph, side).total().time.value


PAPER = Paper(
    name="duplex",
    row=164,
    title="Duplex: a device for large language models with mixture of experts, grouped query "
    "attention, and continuous batching",
    source="Yun et al., MICRO 2024, arXiv 2409.01141, as reported by others; energies of AttAcc",
    claim="Choosing the side by operations per byte gives up to 2.67x the throughput of a GPU and "
    "saves 42% of the energy.",
    composition="cost.pim: Dispatch over Roofline on the chip duplex, decode alone; break_even",
    verdict=Verdict.PARTLY,
    check=check,
    seconds=3,
)
