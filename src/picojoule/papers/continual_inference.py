"""Continual inference: a clip network turned into a stream network with the same outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.restructure.continual import (
    Temporal,
    clip,
    clip_macs,
    step_macs,
    stream,
)

_LENGTH = 64


def check(data: Path | None) -> list[Finding]:
    """Three temporal convolutions, 4-8-16-16 channels, kernel 3."""
    rng = np.random.default_rng(0)
    widths = ((4, 8), (8, 16), (16, 16))
    layers = [Temporal(rng.normal(size=(o, i, 3)) / np.sqrt(3 * i)) for i, o in widths]
    x = rng.normal(size=(_LENGTH, 4))
    wrong = np.abs(stream(layers, x) - clip(layers, x)).max()
    macs = clip_macs(layers, _LENGTH)
    return [
        Finding("stream against clip, largest difference", 1e-5, wrong, relation="<="),
        Finding("MACs per prediction of the clip", 73_536, macs),
        Finding("MACs per prediction of the stream", 1_248, step_macs(layers)),
        Finding("values kept between steps", 56, sum(layer.state for layer in layers)),
    ]


PAPER = Paper(
    name="continual-inference",
    row=198,
    title="Continual inference: a library for efficient online inference with deep neural networks "
    "in PyTorch",
    source="Hedegaard & Iosifidis, arXiv 2204.03418",
    claim="A sliding-window network becomes a stream network with the same outputs and a "
    "fraction of the operations per prediction.",
    composition="Rewrite(sliding window → continual, exact)",
    verdict=Verdict.REPRODUCED,
    check=check,
)
