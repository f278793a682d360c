"""Integer mixed-precision training: 16-bit dynamic fixed point in all three products of a layer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from picojoule.formats import SharedExponent
from picojoule.papers import digits
from picojoule.papers.paper import Finding, Paper, Verdict

_FORMAT = SharedExponent(16, block=None)


def check(data: Path | None) -> list[Finding]:
    """Safe accumulation chains, the error of a product, and training with all products so."""
    chains = {(16, 16): 2, (15, 16): 4, (15, 15): 8, (13, 13): 128}
    a, b = np.random.default_rng(0).normal(size=(2, 256, 256))
    error = np.linalg.norm(_integers(a, b) - a @ b) / np.linalg.norm(a @ b)
    lost = [_trained(s, _floats) - _trained(s, _integers) for s in (0, 1, 2)]
    return [
        *(Finding(f"products of {p} and {q} bits in 32", n, _chain(p, q))
          for (p, q), n in chains.items()),
        Finding("relative error of a product", 1e-3, float(error), relation="<="),
        Finding("accuracy lost by training in it, digits", 0.3, float(np.mean(lost)), "pt",
                relation="<="),
    ]  # fmt: skip


def _chain(p: int, q: int) -> int:
    largest: int = (2 ** (p - 1) - 1) * (2 ** (q - 1) - 1)
    return (2**31 - 1) // largest


def _integers(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The product of both in dynamic fixed point; sums of chains spill to floats."""
    return np.asarray(_FORMAT.quantize(a) @ _FORMAT.quantize(b))


def _floats(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(a @ b)


def _trained(seed: int, times: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> float:
    """A 64-64-10 perceptron by SGD; forward, backward and weight gradients by `times`."""
    x, test, y, truth = (np.asarray(part) for part in digits.task(seed))
    rng = np.random.default_rng(seed)
    w1, w2 = rng.normal(size=(64, 64)) / 8, rng.normal(size=(64, 10)) / 8
    for _ in range(30):
        for rows in np.array_split(rng.permutation(len(x)), 20):
            hidden = np.maximum(times(x[rows], w1), 0)
            scores = np.exp(times(hidden, w2))
            slope = scores / scores.sum(axis=1, keepdims=True) - np.eye(10)[y[rows]]
            back = times(slope, w2.T) * (hidden > 0)
            w2 -= 0.3 * times(hidden.T, slope) / len(rows)
            w1 -= 0.3 * times(x[rows].T, back) / len(rows)
    right = (np.maximum(test @ w1, 0) @ w2).argmax(axis=1) == truth
    return float(right.mean() * 100)


PAPER = Paper(
    name="integer-mixed-training",
    row=169,
    title="Mixed precision training of convolutional neural networks using integer operations",
    source="Das et al., ICLR 2018, arXiv 1802.00930",
    claim="16-bit integers with one exponent per tensor train to the accuracy of floats.",
    composition="SharedExponent(16, tensor) on both factors of every product, float32 masters",
    verdict=Verdict.REPRODUCED,
    check=check,
    needs=("torch", "sklearn"),
    seconds=4,
)
