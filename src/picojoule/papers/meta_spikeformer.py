"""Meta-SpikeFormer: q (kᵀ v) against (q kᵀ) v, and its convolutions that see real numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.cost.event import Recording, audit, conv_fan_out
from picojoule.graph import Kind, Op
from picojoule.graph.count import macs
from picojoule.papers.paper import Finding, Paper, Verdict

_TOKENS, _WIDTH, _HEADS = 196, 512, 8


def products(*contractions: str) -> int:
    """MACs of einsums over heads, tokens (n, m) and the width of a head (d, e)."""
    size = {"h": _HEADS, "n": _TOKENS, "m": _TOKENS, "d": _WIDTH // _HEADS, "e": _WIDTH // _HEADS}
    ops = (Op("a", Kind.MATMUL, {d: size[d] for d in dims}, ()) for dims in contractions)
    return sum(macs(op) for op in ops)


def sep_conv(rng: np.random.Generator) -> dict[str, Recording]:
    """Inputs of a stem and of a separable convolution: spikes, 1 × 1, spikes, 7 × 7, 1 × 1."""
    image = rng.random((1, 3, 16, 16))
    spikes = (rng.random((1, 8, 16, 16)) < 0.2).astype(float)
    padded = np.pad(spikes[0], ((0, 0), (3, 3), (3, 3)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (7, 7), (1, 2))
    deep = np.einsum("cyxij,cij->cyx", windows, rng.normal(size=(8, 7, 7)))[None]
    return {
        "stem": Recording(image, conv_fan_out((16, 16), (7, 7), 8, stride=2, padding=3)),
        "pwconv1": Recording(spikes, 8.0),
        "dwconv": Recording(spikes, conv_fan_out((16, 16), (7, 7), 1, padding=3)),
        "pwconv2": Recording(deep, 8.0),
    }


def check(data: Path | None) -> list[Finding]:
    """Both orders give the same integers; their counts; the audit of a stage."""
    rng = np.random.default_rng(0)
    q, k, v = (rng.random((3, _TOKENS, 64)) < 0.2).astype(np.int64)
    first, last = products("hnmd", "hnme"), products("hmde", "hnde")
    broken = audit(sep_conv(rng)).broken
    return [
        Finding("largest difference of the two orders on spikes", 0.0,
                float(np.abs((q @ k.T) @ v - q @ (k.T @ v)).max())),
        Finding("products of (q kᵀ) v", 2 * _TOKENS**2 * _WIDTH, first, "MAC"),
        Finding("products of q (kᵀ v)", 2 * _TOKENS * _WIDTH * (_WIDTH // _HEADS), last, "MAC"),
        Finding("layers of a stage that multiply, if spike-driven", 0, len(broken),
                note=f"{' and '.join(broken)}: an image, and the sums of a 7 × 7 convolution"),
    ]  # fmt: skip


PAPER = Paper(
    name="meta-spikeformer",
    row=55,
    title="Spike-driven Transformer V2: meta spiking neural network architecture",
    source="Yao et al., arXiv 2404.03663; models.py of BICLab/Spike-Driven-Transformer-V2",
    claim="Attention on spikes is linear in tokens, and the network only ever adds.",
    composition="einsum orders × macs; audit(stem, SepConv)",
    verdict=Verdict.PARTLY,
    check=check,
)
