"""PDP: a mask that training can see, from the weights alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.sparsify.realise import soft_mask


def check(data: Path | None) -> list[Finding]:
    """The share below one half, the value at the threshold, and how near to 0 or 1 the rest is."""
    w = np.random.default_rng(0).normal(size=(250, 200))
    mask = soft_mask(w, 0.8660)
    order = np.argsort(np.abs(w), axis=None)
    n = round(0.8660 * w.size)
    beside = mask.flat[order[n - 1 : n + 1]].mean()  # the threshold lies between these two
    return [
        Finding("share of the mask below 1/2 at 86.60% sparsity", 0.8660, (mask < 0.5).mean()),
        Finding("mask of the two weights beside the threshold, mean", 0.5, beside, "", 1e-2),
        Finding(
            "share of weights that are neither kept nor gone (0.01 < m < 0.99)", 0.01,
            ((mask > 0.01) & (mask < 0.99)).mean(), "", 0, "<=",
        ),
    ]  # fmt: skip


PAPER = Paper(
    name="pdp",
    row=93,
    title="PDP: parameter-free differentiable pruning is all you need",
    source="Cho et al., NeurIPS 2023, arXiv 2305.11203",
    claim="A soft mask computed from weights and a target sparsity needs no parameters of its own "
    "and hits the target.",
    composition="Unstructured × |w| × soft mask",
    verdict=Verdict.REPRODUCED,
    check=check,
)
