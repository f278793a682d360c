"""M³ViT: sizes of a ViT-tiny with experts in every other layer, and how often they are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.cost.pim import loads_by_expert, loads_by_token
from picojoule.formats import parse_format
from picojoule.graph import Graph, Kind, Op, Operand, Role, count
from picojoule.graph.attention_loops import Attention
from picojoule.papers.paper import Finding, Paper, Verdict

TOKENS, WIDTH, HEADS, LAYERS = 129, 192, 3, 12
EXPERTS, CHOSEN, EXPERT, DENSE = 16, 2, 384, 768
PATCHES, PATCH = 128, 3 * 16 * 16
HALF = parse_format("float16")


def linear(name: str, rows: int, k: int, n: int, copies: int = 1) -> Op:
    """`rows` × k by k × n; `copies` sets of weights are stored."""
    operands = (
        Operand(("m", "k"), HALF, Role.INPUT),
        Operand(("k", "n"), HALF, Role.WEIGHT, stored=copies * k * n),
        Operand(("m", "n"), HALF, Role.OUTPUT),
    )
    return Op(name, Kind.MATMUL, {"m": rows, "n": n, "k": k}, operands)


def model() -> Graph:
    """One image, with the mixture in odd layers."""
    ops = [linear("patch", PATCHES, PATCH, WIDTH)]
    core = Attention(HEADS, TOKENS, TOKENS, WIDTH // HEADS, WIDTH // HEADS, HALF)
    for i in range(LAYERS):
        ops.append(linear(f"{i}.qkv", TOKENS, WIDTH, 3 * WIDTH))
        ops += [Op(f"{i}.{loop.name}", *loop[1:]) for loop in core.loops()]
        ops.append(linear(f"{i}.out", TOKENS, WIDTH, WIDTH))
        rows, inner, copies = (TOKENS * CHOSEN, EXPERT, EXPERTS) if i % 2 else (TOKENS, DENSE, 1)
        ops.append(linear(f"{i}.up", rows, WIDTH, inner, copies))
        ops.append(linear(f"{i}.down", rows, inner, WIDTH, copies))
    return Graph("m3vit-tiny", tuple(ops))


def check(data: Path | None) -> list[Finding]:
    """MACs of an image, stored and active parameters (patch and positions left out)."""
    graph = model()
    stored = count(Graph("layers", graph.ops[1:])).weight_bytes / 2
    idle = LAYERS // 2 * (EXPERTS - CHOSEN) * 2 * WIDTH * EXPERT
    chosen = np.random.default_rng(0).random((TOKENS, EXPERTS)).argsort(axis=1)[:, :CHOSEN]
    return [
        Finding("MACs per image", 0.78e9, count(graph).macs, "", 0.0064),
        Finding("stored parameters", 17.7e6, stored, "", 0.0028),
        Finding("active parameters", 5.3e6, stored - idle, "", 0.0094),
        Finding("experts read, at most", EXPERTS, loads_by_expert(chosen), "", 0, "<="),
        Finding("experts read token by token, over expert by expert", TOKENS * CHOSEN / EXPERTS,
                loads_by_token(chosen) / loads_by_expert(chosen), "", 0, ">="),
    ]  # fmt: skip


PAPER = Paper(
    name="m3vit",
    row=24,
    title="M³ViT: mixture-of-experts vision transformer for efficient multi-task learning with "
    "model-accelerator co-design",
    source="Liang et al., NeurIPS 2022, arXiv 2210.14793; dims of sharc-lab/Edge-MoE",
    claim="Experts in every other layer of a ViT-tiny store 17.7 M parameters and use 5.3 M, and "
    "in order of experts each is read once.",
    composition="graph: Op and Attention loops, count; cost.pim: loads_by_expert, loads_by_token",
    verdict=Verdict.REPRODUCED,
    check=check,
)
