"""To prune, or not to prune: the cubic schedule, and 95% of a small network's weights gone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.papers import digits
from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.sparsify import Unstructured
from picojoule.transforms.sparsify.schedule import cubic

_LAST, _SEEDS = 0.80, (0, 1, 2)  # the last layer keeps at least a fifth


def check(data: Path | None) -> list[Finding]:
    """Schedule values, the loss at 95%, and a dense network of as many weights."""
    printed = {0.25: 0.5059, 0.5: 0.7656, 0.75: 0.8613}
    found = [
        Finding(f"sparsity after {t:.0%} of the steps to 0.875", value, cubic(t, 0.875), "", 1e-4)
        for t, value in printed.items()
    ]
    dense = [_trained(seed, 0.0) for seed in _SEEDS]
    sparse = [_trained(seed, 0.95) for seed in _SEEDS]
    small = [_small(seed) for seed in _SEEDS]
    lost, gained = (float(np.mean(a) - np.mean(b)) for a, b in ((dense, sparse), (sparse, small)))
    spread = float(np.std(sparse) + np.std(small))
    return [
        *found,
        Finding("accuracy lost at 95% sparsity, digits", 1.0, lost, "pt", 0, "<="),
        Finding(
            "large-sparse over small-dense at equal weights, in spreads of both", 1.0,
            gained / max(spread, 1e-9), "", 0, ">=",
            note="at 95% the large sparse network is ahead; at 98% the two can't be told apart "
            "on these digits (95.7 against 95.9)",
        ),
    ]  # fmt: skip


def _trained(seed: int, sparsity: float) -> float:
    from picojoule.transforms.sparsify.masks import refresh

    task, model = digits.task(seed), digits.perceptron(seed)
    pruned = {0: sparsity, 2: sparsity, 4: min(sparsity, _LAST)}
    steps = iter(range(10**9))

    def prune(progress: float) -> None:
        if sparsity and next(steps) % 20 == 0:
            for layer, final in pruned.items():
                refresh(model[layer], Unstructured(), 1 - cubic(progress / 0.75, final))

    return digits.accuracy(digits.train(model, task, seed, each_step=prune), task)


def _small(seed: int) -> float:
    """Hidden width 40: 4,560 weights, beside the 4,608 that pruning leaves of 84,480."""
    task, model = digits.task(seed), digits.perceptron(seed, (64, 40, 40, 10))
    return digits.accuracy(digits.train(model, task, seed), task)


PAPER = Paper(
    name="gradual-pruning",
    row=49,
    title="To prune, or not to prune: exploring the efficacy of pruning for model compression",
    source="Zhu & Gupta, arXiv 1710.01878",
    claim="A cubic schedule prunes most weights at little loss, and a large sparse network "
    "beats a small dense one of as many weights.",
    composition="Unstructured × |w| × refresh on a cubic schedule",
    verdict=Verdict.REPRODUCED,
    check=check,
    needs=("torch", "sklearn"),
    seconds=15,
)
