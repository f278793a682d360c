"""Two small networks that complement each other, and a memory of what was asked before."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.policies import Memo, PathLedger, Stage, Threshold
from picojoule.policies.base import Action
from picojoule.policies.memo import mean_key

_A, _B, _HASH = 10.0, 14.0, 0.1  # joules; any numbers will do


def _mean_j(images: np.ndarray, threshold: Threshold) -> tuple[float, float, float]:
    """Joules an image of hash, network A and perhaps B; hits; share of A's answers doubted."""
    memo, asked, doubted = Memo(len(images)), [0], [0]
    ledger = PathLedger((Stage("hash", _HASH), Stage("A", _A), Stage("B", _B)))

    def answer(image: np.ndarray) -> tuple[str, ...]:
        asked[0] += 1
        doubts = threshold.decide(float(image.mean())) is Action.ESCALATE
        doubted[0] += doubts
        return ("A", "B") if doubts else ("A",)

    def path(image: np.ndarray) -> tuple[str, ...]:
        before = asked[0]
        networks = memo(image, answer)
        return ("hash", *networks) if asked[0] > before else ("hash",)

    energy = ledger.traced([path(image) for image in images]).total().energy.value
    return energy, memo.hit_share, doubted[0] / asked[0]


def check(data: Path | None) -> list[Finding]:
    """E = (1 − h)(E_A + q E_B) + E_hash by formula and run, with and without duplicates."""
    rng = np.random.default_rng(0)
    fresh = rng.random((2000, 8, 8))
    threshold = Threshold(float(np.quantile(fresh.mean((1, 2)), 0.25)))  # A doubts a quarter
    twice = rng.permutation(np.concatenate([fresh, fresh]))
    findings = []
    for name, images, hits in (("every image once", fresh, 0.0), ("every image twice", twice, 0.5)):
        energy, h, q = _mean_j(images, threshold)
        formula = (1 - h) * (_A + q * _B) + _HASH
        findings += [
            Finding(f"{name}: hits", hits, h),
            Finding(f"{name}: joules run over formula", 1, energy / formula, "", 1e-9),
        ]
    memo, darker = Memo(4000, mean_key), fresh / 2
    for image in fresh:
        memo(image, lambda _: "fresh")
    false = sum(memo(image, lambda _: "darker") == "fresh" for image in darker)
    once = 1 - 2 * (1 - 0.858)  # half of the images of 85.8% were answered by the memory
    return [
        *findings,
        Finding("false hits of a hash, the same images at half the brightness", 0, false / 2000,
                note="a perceptual key can't tell them apart: report its false hits"),
        Finding("energy saved without duplicates, implied", 0.858, once, "", 0.005,
                note="85.8% is on data in which every sample is there twice"),
    ]  # fmt: skip


PAPER = Paper(
    name="dual-cnn-memory",
    row=122,
    title="Reducing inference energy consumption using dual complementary CNNs",
    source="Kinnas et al., arXiv 2412.01039 (abstract)",
    claim="A second network only where the first doubts, and a memory, cut energy by up to 85.8%.",
    composition="Stage(A, B) × Threshold × Memo → PathLedger",
    verdict=Verdict.PARTLY,
    check=check,
)
