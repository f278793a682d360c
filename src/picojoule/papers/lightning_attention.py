"""Lightning Attention-2: decay attention by tiles is its recurrence, at a linear cost."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from picojoule.formats import parse_format
from picojoule.graph import Kind, Op
from picojoule.graph.attention_loops import Attention
from picojoule.graph.count import macs as macs_of
from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.restructure.attention import recurrent, tiled

# Milliseconds at 4k, 8k, 16k and 32k tokens, batch 4, 32 heads of 128, bf16, one A100 (README).
_TILED_MS, _FLASH_MS = (2.24, 4.41, 8.83, 17.66), (2.74, 10.39, 40.6, 162.9)


def macs(n: int, d: int, block: int) -> int:
    """Of one head: scores and values inside blocks, then state out and state in."""
    return n * block * 2 * d + 2 * n * d * d


def _softmax_macs(n: int) -> int:
    """Scores and context of all of `n` tokens with each other, one head of 128."""
    loops = Attention(1, n, n, 128, 128, parse_format("bfloat16")).loops()
    ops = (Op(*loop) for loop in loops if loop.kind is Kind.MATMUL)
    return sum(macs_of(op) for op in ops)


def check(data: Path | None) -> list[Finding]:
    """Equality of orders, and the growth of cost beside the published times."""
    rng = np.random.default_rng(0)
    q, k, v = rng.normal(size=(3, 256, 32))
    decay = math.exp(-0.03)
    scale = np.abs(recurrent(q, k, v, decay)).max()
    wrong = np.abs(tiled(q, k, v, decay, 32) - recurrent(q, k, v, decay)).max() / scale
    growth = float((_TILED_MS[-1] / _TILED_MS[0]) ** (1 / 3))
    flash = float((_FLASH_MS[-1] / _FLASH_MS[0]) ** (1 / 3))
    return [
        Finding("tiled against recurrent, largest difference over the largest value", 1e-12, wrong,
                relation="<="),
        Finding("time per doubling of tokens, tiled; ours: MACs", growth,
                macs(8192, 128, 64) / macs(4096, 128, 64), "x", 0.02),
        Finding("time per doubling, softmax attention; ours: MACs", flash,
                _softmax_macs(8192) / _softmax_macs(4096), "x", 0.05),
    ]  # fmt: skip


PAPER = Paper(
    name="lightning-attention",
    row=194,
    title="Lightning Attention-2: a free lunch for handling unlimited sequence lengths in LLMs",
    source="Qin et al., arXiv 2401.04658, algorithm 1 and README",
    claim="Scores inside blocks and a state between them compute linear attention with decay "
    "exactly, at a cost linear in length.",
    composition="attention(κ = identity, M = decay, order = tiled(64))",
    verdict=Verdict.REPRODUCED,
    check=check,
)
