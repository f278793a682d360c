"""ECoFLaP: how much each layer keeps, from losses alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.sparsify.saliency import taylor, zeroth_order_gradient

_SHAPES = [(48, 32), (48, 48), (48, 48), (10, 48)]
_KEEP, _MOST_SPARSE = 0.5, 0.6


def check(data: Path | None) -> list[Finding]:
    """Zeroth-order scores of layers against true gradients, and the total that is kept."""
    from scipy.stats import spearmanr

    from picojoule.allocate import Proportional

    rng = np.random.default_rng(0)
    layers = [rng.normal(0, 2 / np.sqrt(s[1]), s) * scale
              for s, scale in zip(_SHAPES, (0.5, 1.0, 2.0, 1.5), strict=True)]  # fmt: skip
    x, y = rng.normal(size=(64, 32)), rng.normal(size=(64, 10))
    true, seen = [], []
    for i, w in enumerate(layers):

        def loss(v: np.ndarray, i: int = i) -> float:
            return _loss([*layers[:i], v, *layers[i + 1 :]], x, y)

        seen.append(taylor(w, zeroth_order_gradient(loss, w, rng, draws=64)).mean())
        true.append(taylor(w, _gradient(layers, i, x, y)).mean())
    size = np.array([w.size for w in layers], float)
    steps = np.linspace(1 - _MOST_SPARSE, 1, 401)  # options: the share of weights a layer keeps
    sensitivity = np.array(seen)[:, None] * (1 - steps) * size[:, None]
    cost = (size[:, None] * steps)[..., None]
    choice = Proportional(_MOST_SPARSE).allocate(sensitivity, cost, np.array([_KEEP * size.sum()]))
    kept = float(sum(cost[i, option, 0] for i, option in enumerate(choice.options)))
    return [
        Finding("rank correlation of layer scores, zeroth-order and true", 0.6,
                spearmanr(seen, true).statistic, relation=">="),
        Finding("weights kept over the target", 1.0, kept / (_KEEP * size.sum()), tolerance=2e-3),
        Finding("share kept by the layer that keeps least", 1 - _MOST_SPARSE,
                min(steps[o] for o in choice.options), tolerance=1e-9, relation=">="),
    ]  # fmt: skip


def _forward(layers: list[np.ndarray], x: np.ndarray) -> list[np.ndarray]:
    states = [x]
    for w in layers[:-1]:
        states.append(np.maximum(states[-1] @ w.T, 0))
    return [*states, states[-1] @ layers[-1].T]


def _loss(layers: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> float:
    return float(((_forward(layers, x)[-1] - y) ** 2).mean())


def _gradient(layers: list[np.ndarray], i: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    states = _forward(layers, x)
    grad = 2 * (states[-1] - y) / y.size
    for j in range(len(layers) - 1, i, -1):
        grad = (grad @ layers[j]) * (states[j] > 0)
    product: np.ndarray = grad.T @ states[i]
    return product


PAPER = Paper(
    name="ecoflap",
    row=74,
    title="ECoFLaP: efficient coarse-to-fine layer-wise pruning for vision-language models",
    source="Sung et al., ICLR 2024, arXiv 2310.02998",
    claim="Forward passes alone tell how sparse each layer may be, and the layers' shares add up "
    "to the target.",
    composition="zeroth-order gradient × |w·g| per layer → Proportional allocation",
    verdict=Verdict.REPRODUCED,
    check=check,
)
