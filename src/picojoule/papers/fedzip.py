"""FedZip: an update as few values and their places, and how far that can compress."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.formats import Codebook
from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.sparsify import keep_largest


def check(data: Path | None) -> list[Finding]:
    """Bits of an update of which a share z is zero and the rest one of two values."""
    huffman = {0.5: 21.3, 0.9: 29.1, 0.99: 31.7}
    bound = {0.5: 21.0, 0.9: 56.0, 0.99: 352.0, 0.999: 2579.0}
    update = np.random.default_rng(0).normal(size=100_000).astype(np.float32)
    kept = keep_largest(np.abs(update), 0.1)
    ternary = np.where(kept, np.sign(update) * np.abs(update)[kept].mean(), 0).astype(np.float32)
    book = Codebook(3, "huffman")
    wrong = np.abs(book.decode(book.encode(ternary)) - ternary).max()
    return [
        *(Finding(f"compression by Huffman at {z:.1%} zeros", x, 32 / _bits(z, "huffman"),
                  "x", 0.003) for z, x in huffman.items()),
        *(Finding(f"entropy bound at {z:.1%} zeros", x, 32 / _bits(z, "entropy"), "x",
                  0.02) for z, x in bound.items()),
        Finding("decoded against encoded, a real update of 3 values", 0, wrong),
        Finding(
            "compression by one code per weight, any sparsity", 1085, 32 / _bits(0.9999, "huffman"),
            "x", 0, ">=", note="a code has at least one bit, so 32x is the most; 1085x needs codes "
            "of the gaps between nonzeros at z >= 0.998; the printed lengths {1,1,2} can't be "
            "decoded (Kraft sum 1.25)",
        ),
    ]  # fmt: skip


def _bits(zeros: float, coding: str) -> float:
    """Mean bits per weight when the two other values are equally frequent."""
    rest = (1 - zeros) / 2
    book = Codebook(3, coding, frequencies=(zeros, rest, rest))  # type: ignore[arg-type]
    return book.bits_per_element()


PAPER = Paper(
    name="fedzip",
    row=81,
    title="FedZip: a compression framework for communication-efficient federated learning",
    source="Malekijoo et al., arXiv 2102.01593",
    claim="Top-z sparsity, three centroids and entropy coding compress a federated update up to "
    "1085 times.",
    composition="Unstructured top-z × |Δw| → Codebook(3) × Huffman",
    verdict=Verdict.PARTLY,
    check=check,
)
