"""QuickSelection: a sparse autoencoder whose input neurons' strength tells real features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.sparsify.realise import prune_and_regrow
from picojoule.transforms.sparsify.saliency import strength

_HIDDEN, _EPSILON, _ZETA, _EPOCHS, _NOISE, _PICKS = 200, 13, 0.2, 60, 136, 30
Floats = NDArray[np.float64]


def weights(inputs: int, hidden: int, epsilon: int = _EPSILON) -> int:
    """Weights of the sparse autoencoder: Erdős–Rényi masks of density ε(i+h)/(i·h), both ways."""
    return 2 * epsilon * (inputs + hidden)


def check(data: Path | None) -> list[Finding]:
    """Digits with 136 columns of noise added: 30 of 200 features picked."""
    x = _features(np.random.default_rng(0))
    real = [float((_pick(x, seed) < x.shape[1] - _NOISE).mean()) for seed in (0, 1, 2)]
    return [
        Finding("weights at 784 inputs and 1,000 hidden", 46_384, weights(784, 1000)),
        Finding("fewer MACs than dense", 33.8, 2 * 784 * 1000 / weights(784, 1000), "x", 1e-3),
        Finding("share of the 30 picks that are real features (chance: 0.32)", 0.80,
                float(np.mean(real)), relation=">="),
    ]  # fmt: skip


def _features(rng: np.random.Generator) -> Floats:
    from sklearn.datasets import load_digits

    pixels = load_digits(return_X_y=True)[0][:1300]
    centred = (pixels - pixels.mean(0)) / np.maximum(pixels.std(0), 1e-9)
    return np.hstack([centred, rng.normal(size=(len(pixels), _NOISE))])


def _pick(x: Floats, seed: int) -> NDArray[np.intp]:
    """Train the sparse denoising autoencoder; the features of the strongest input neurons."""
    rng = np.random.default_rng(seed)
    shapes = [(_HIDDEN, x.shape[1]), (x.shape[1], _HIDDEN)]
    masks = [rng.random(s) < _EPSILON * sum(s) / (s[0] * s[1]) for s in shapes]
    w = [rng.normal(0, 1 / np.sqrt(_EPSILON), s) * m for s, m in zip(shapes, masks, strict=True)]
    speed = [np.zeros(s) for s in shapes]
    for _ in range(_EPOCHS):
        for rows in np.array_split(rng.permutation(len(x)), len(x) // 100):
            for i, g in enumerate(_gradients(w, x[rows], rng)):
                speed[i] = 0.9 * speed[i] - 0.01 * (g + 1e-5 * w[i]) * masks[i]
                w[i] = w[i] + speed[i]
        for i in range(2):
            w[i], masks[i] = prune_and_regrow(w[i], masks[i], _ZETA, rng)
            speed[i] = speed[i] * masks[i]
    return np.argsort(-strength(w[0], axis=0)[0])[:_PICKS]


def _gradients(w: list[Floats], x: Floats, rng: np.random.Generator) -> list[Floats]:
    noisy = x + rng.normal(0, 0.2, x.shape)
    hidden = 1 / (1 + np.exp(-noisy @ w[0].T))
    error = (hidden @ w[1].T - x) / len(x)
    back = (error @ w[1]) * hidden * (1 - hidden)
    return [back.T @ noisy, error.T @ hidden]


PAPER = Paper(
    name="quick-selection",
    row=42,
    title="Quick and robust feature selection: the strength of energy-efficient sparse training "
    "for autoencoders",
    source="Atashgahi et al., Machine Learning 2022, arXiv 2012.00560",
    claim="In a sparse autoencoder trained with prune-and-regrow, the strength of an input neuron "
    "tells whether its feature matters.",
    composition="Unstructured × strength × prune-and-regrow",
    verdict=Verdict.REPRODUCED,
    check=check,
    needs=("sklearn",),
    seconds=8,
)
