"""LPViT: blocks pruned at one price for all layers, with power in the price."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.sparsify import Block
from picojoule.transforms.sparsify.saliency import taylor

_LEVELS, _TARGET = 100, 0.5


def check(data: Path | None) -> list[Finding]:
    """Rate-distortion curves of six layers; the slopes at the choice, and the FLOPs it leaves."""
    from picojoule.allocate import Lagrange

    rng = np.random.default_rng(0)
    density = np.arange(_LEVELS, 4, -1) / _LEVELS  # at least 5% is kept
    distortion, flops = [], []
    for width in (128, 128, 256, 256, 512, 512):
        w = rng.normal(0, 1 / np.sqrt(width), (256, width))
        g = rng.normal(0, rng.uniform(0.5, 2.0), w.shape)
        curve = [_distortion(w, g, Block(32, 32).mask(taylor(w, g), d)) for d in density]
        distortion.append(_convex(np.array(curve), density))
        flops.append(w.size * density)
    cost = np.array(flops)
    choice = Lagrange().allocate(
        np.array(distortion), cost[..., None], np.array([_TARGET * cost[:, 0].sum()])
    )
    price = choice.multiplier[0] if choice.multiplier else float("nan")
    slopes = [_slopes(np.array(d), c, o)
              for d, c, o in zip(distortion, cost, choice.options, strict=True)]  # fmt: skip
    inside = np.mean([low <= price * (1 + 1e-9) and price <= high * (1 + 1e-9)
                      for low, high in slopes])  # fmt: skip
    left = sum(c[o] for c, o in zip(cost, choice.options, strict=True))
    return [
        Finding("layers whose slopes enclose the common price", 1.0, float(inside)),
        Finding("FLOPs left over the target", 1.0, left / (_TARGET * cost[:, 0].sum()), "", 0.01),
    ]  # fmt: skip


def _distortion(w: np.ndarray, g: np.ndarray, mask: np.ndarray) -> float:
    """Second-order loss of what is removed, row by row: mean (δ·g)² + ½ Σ (δᵀg)²."""
    lost = np.where(mask, 0.0, w)
    return float(((lost * g) ** 2).mean() + 0.5 * ((lost * g).sum(axis=1) ** 2).mean())


def _convex(curve: np.ndarray, density: np.ndarray) -> np.ndarray:
    """The lower convex hull, on the grid: the smoothing that equal slopes need."""
    hull: list[int] = []
    for i in range(len(curve)):
        while len(hull) > 1 and _above(curve, density, hull[-2], hull[-1], i):
            hull.pop()
        hull.append(i)
    smooth: np.ndarray = np.interp(-density, -density[hull], curve[hull])
    return smooth


def _above(y: np.ndarray, x: np.ndarray, a: int, b: int, c: int) -> bool:
    return bool((y[b] - y[a]) * (x[a] - x[c]) >= (y[c] - y[a]) * (x[a] - x[b]))


def _slopes(d: np.ndarray, c: np.ndarray, o: int) -> tuple[float, float]:
    """Distortion per FLOP of the step before and of the step after option `o`."""
    before = (d[o] - d[o - 1]) / (c[o - 1] - c[o]) if o > 0 else 0.0
    after = (d[o + 1] - d[o]) / (c[o] - c[o + 1]) if o + 1 < len(d) else np.inf
    return float(before), float(after)


PAPER = Paper(
    name="lpvit",
    row=84,
    title="LPViT: low-power semi-structured pruning for vision transformers",
    source="Xu et al., ECCV 2024, arXiv 2407.02068",
    claim="Block sparsity by equal slopes of distortion against power leaves the FLOPs asked for "
    "at the least distortion. (Built from the definition: the released code takes the share to "
    "prune for the share that survives.)",
    composition="Block(32, 32) × |w·g| → Lagrange allocation",
    verdict=Verdict.REPRODUCED,
    check=check,
)
