"""How much of a front a budget finds: samplers against the whole space.

    python benchmarks/explore.py TRIALS.jsonl
    python benchmarks/explore.py accuracies

The second trains the digit networks of `papers.nasaic` and prints their accuracies. The first
prices all designs of a space once (minutes; TRIALS.jsonl keeps them), then lets each sampler spend
parts of it with several seeds. Printed: hypervolume of what was priced over that of the space.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

import picojoule as pj
from picojoule.chips import load_chip
from picojoule.papers import digits, nasaic
from picojoule.search.explore import OBJECTIVES, DesignFront, explore, hypervolume, space_of

SPACE = {
    "node_nm": 45,
    "vary": {
        "memory.SRAM.capacity_bytes": {"from": 32768, "to": 2097152, "times": 2},
        "memory.SRAM.bandwidth_b_s": {"from": 2.24e10, "to": 1.792e11, "times": 2},
        "spatial.axes.rows": {"from": 4, "to": 64, "times": 2},
        "spatial.axes.columns": {"from": 4, "to": 64, "times": 2},
    },
}


def network() -> nn.Module:
    """Four convolutions and a classifier for 32 × 32 images."""
    convolutions = [nn.Conv2d(3, 16, 3, padding=1), nn.ReLU()]
    for width in (16, 32, 64):
        convolutions += [nn.Conv2d(width, 2 * width, 3, 2, 1), nn.ReLU()]
    return nn.Sequential(*convolutions, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))


def main(trials: Path) -> None:
    space = space_of(load_chip("systolic-32x32"), SPACE, "benchmark")
    graphs = {"cnn": pj.trace(network(), (torch.zeros(1, 3, 32, 32),))}
    whole = explore(space, graphs, budget=space.size, trials=trials)
    print(whole)
    rows = numbers(whole)
    low, span = rows.min(axis=0), np.ptp(rows, axis=0)

    def volume(front: DesignFront) -> float:
        return hypervolume((numbers(front) - low) / span, [1.0] * len(OBJECTIVES))

    for budget in (25, 50, 100, 200):
        for sampler in ("random", "learn"):
            shares = [
                volume(explore(space, graphs, budget=budget, sampler=sampler, seed=seed,
                               trials=trials)) / volume(whole)
                for seed in range(8)
            ]  # fmt: skip
            print(
                f"{budget:4d} {sampler:7s} median {np.median(shares):.3f} least {min(shares):.3f}"
            )


def numbers(front: DesignFront) -> np.ndarray:
    """Joules, seconds and mm² of all that was priced."""
    return np.array([[p.cost.of(o) for o in OBJECTIVES] for p in front.points])


def digit_network(width: int, depth: int, seed: int) -> nn.Module:
    """Convolutions with pooling, each twice as wide as the one before, and a classifier."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = [nn.Unflatten(1, (1, 8, 8))]
    before, side = 1, 8
    for after in (width * 2**i for i in range(depth)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        before, side = after, side // 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(before * side * side, 10))


def accuracies(seeds: int = 3) -> None:
    for width, depth in nasaic.ACCURACY:
        found = []
        for seed in range(seeds):
            data = digits.task(seed)
            trained = digits.train(
                digit_network(width, depth, seed), data, seed, epochs=15, rate=5e-3
            )
            found.append(digits.accuracy(trained, data))
        print(f"{(width, depth)}: {np.mean(found):.2f}  {np.round(found, 2).tolist()}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["accuracies"]:
        accuracies()
    else:
        main(Path(sys.argv[1]))
