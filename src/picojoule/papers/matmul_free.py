"""MatMul-free language model: sizes, and what the ternary body takes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.restructure import recurrence


def check(data: Path | None) -> list[Finding]:
    """Parameters of three models, bytes of the largest, and its recurrence in two orders."""
    import torch

    from picojoule.graph.workloads.build import parameters
    from picojoule.graph.workloads.matmul_free import SIZES, matmul_free
    from picojoule.transforms.rewrite import ToBitLinear

    size = {name: parameters(matmul_free(name)) for name in SIZES}
    body = size["2.7B"] - 2 * 32_000 * SIZES["2.7B"][0]
    rng = np.random.default_rng(0)
    forget, into = rng.uniform(0, 1, (128, 16)), rng.normal(size=(128, 16))
    orders = recurrence.scan(forget, into) - recurrence.recurrent(forget, into)
    layer = ToBitLinear().apply(torch.nn.Sequential(torch.nn.Linear(64, 64))).model[0]
    return [
        *(Finding(f"parameters of {name}", m, size[name] / 1e6, "10⁶", 1e-3)
          for name, m in (("370M", 374), ("1.3B", 1364), ("2.7B", 2701))),
        Finding("ternary body of 2.7B at log2(3) bits", 0.5, body * math.log2(3) / 8e9, "GB", 0.01),
        Finding("scan against recurrence, largest difference", 1e-6, float(np.abs(orders).max()),
                relation="<="),
        Finding("different weights of a layer over its scale", 3,
                len(np.unique(np.round((layer.ternary() / layer.ternary().abs().max())
                                       .detach().numpy(), 6)))),
    ]  # fmt: skip


PAPER = Paper(
    name="matmul-free",
    row=200,
    title="Scalable MatMul-free language modeling",
    source="Zhu et al., arXiv 2406.02528",
    claim="Ternary weights, int8 inputs and a gated linear recurrence leave no matrix product to "
    "multiply.",
    composition="Rewrite(Linear → ternary × int8 per token) + LinearRecurrence(MLGRU) + GLU",
    verdict=Verdict.REPRODUCED,
    check=check,
    needs=("torch",),
    seconds=2,
)
