"""NeuPIMs: requests balanced over memory channels, and sub-batches that share NPU and memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.cost.pim import (
    Heads,
    Task,
    attention_cycles,
    channel_loads,
    halves,
    imbalance,
    in_order,
    least_loaded,
    makespan,
    out_of_order,
    read_placement,
)
from picojoule.papers.paper import Finding, Paper, Verdict

CHANNELS, TRACES, CLOCK_HZ = 32, 10, 1e9
NPU_MACS_S, LAYERS = 8 * 128 * 128 * CLOCK_HZ, 32
# Attention of GPT3 by size: width, heads, width of a head, tensor parallelism; and the printed
# ratio of the busiest channels.
MODELS = {
    "7B": (Heads(4096, 32, 128, 4), 1.44),
    "13B": (Heads(5120, 40, 128, 4), 1.44),
    "30B": (Heads(7168, 56, 128, 4), 1.44),
    "175B": (Heads(12288, 96, 128, 8), 1.43),
}


def loads(data: Path, name: str, heads: Heads) -> np.ndarray:
    """Cycles of each channel in one published placement."""
    contexts, placed = read_placement(data / "neupims" / f"{name}.csv")
    cycles = [attention_cycles(c, heads) for c in contexts]
    return channel_loads(cycles, placed, CHANNELS)


def check(data: Path | None) -> list[Finding]:
    """Busiest channels of ten round-robin over ten balanced placements, and our own balance."""
    if data is None:
        return []
    heads = MODELS["7B"][0]
    theirs = {
        kind: [imbalance(loads(data, f"{kind}-{i}", heads)) for i in range(TRACES)]
        for kind in ("rr", "clb")
    }
    gains = {name: _gain(data, h) for name, (h, _) in MODELS.items()}
    requests = [
        [attention_cycles(c, heads) for c in read_placement(data / "neupims" / f"rr-{i}.csv")[0]]
        for i in range(TRACES)
    ]
    ours = [imbalance(channel_loads(r, least_loaded(r, CHANNELS), CHANNELS)) for r in requests]
    return [
        *(Finding(f"busiest channel, round robin over balanced, GPT3-{name}", printed, gains[name],
                  "", 0.005 / printed) for name, (_, printed) in MODELS.items()),
        Finding("busiest over mean channel, round robin", 1.57, float(np.mean(theirs["rr"])), "",
                0.005 / 1.57),
        Finding("busiest over mean channel, balanced", 1.09, float(np.mean(theirs["clb"])), "",
                0.005 / 1.09),
        Finding("busiest over mean channel, least_loaded on the round-robin requests", 1.09,
                float(np.mean(ours)), "", 0, "<="),
        Finding("a step in one batch over one of interleaved halves", 1, _interleaved(requests[0]),
                "", 0, ">="),
    ]  # fmt: skip


def _gain(data: Path, heads: Heads) -> float:
    pairs = [(loads(data, f"rr-{i}", heads), loads(data, f"clb-{i}", heads)) for i in range(TRACES)]
    return float(np.mean([rr.max() / clb.max() for rr, clb in pairs]))


def _interleaved(cycles: list[int]) -> float:
    """Time of all layers in one batch over that in two halves, at 12 E² MACs per row and layer."""
    width, ways = MODELS["7B"][0].width, MODELS["7B"][0].ways
    row_s = 12 * width**2 / ways / NPU_MACS_S

    def tasks(parts: list[list[int]]) -> list[Task]:
        made = []
        for i in range(LAYERS):
            for p, part in enumerate(parts):
                placed = least_loaded(part, CHANNELS)
                busiest_s = channel_loads(part, placed, CHANNELS).max() / CLOCK_HZ
                before = (f"attend {i - 1} {p}",) if i else ()
                made.append(Task(f"multiply {i} {p}", "NPU", len(part) * row_s, before))
                made.append(Task(f"attend {i} {p}", "PIM", busiest_s, (f"multiply {i} {p}",)))
        return made

    split = [[cycles[i] for i in half] for half in halves([c // 1000 for c in cycles])]
    return makespan(in_order(tasks([cycles]))) / makespan(out_of_order(tasks(split)))


PAPER = Paper(
    name="neupims",
    row=202,
    title="NeuPIMs: NPU-PIM heterogeneous acceleration for batched LLM inferencing",
    source="Heo et al., ASPLOS 2024, arXiv 2403.00579; placements of casys-kaist/NeuPIMs",
    claim="Requests balanced over the channels of the memory, and sub-batches that alternate "
    "between NPU and memory, shorten a decode step.",
    composition="cost.pim: attention_cycles × channel_loads, least_loaded, halves × out_of_order",
    verdict=Verdict.REPRODUCED,
    check=check,
    needs=("neupims",),
    seconds=2,
)
