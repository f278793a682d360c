"""Block floating point with outliers: sort key channels, so that large ones share a block."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.special import softmax

from picojoule.formats import SharedExponent
from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.quantize import Group, Permuted, Quantizer

_T, _D = 512, 128


def check(data: Path | None) -> list[Finding]:
    """Keys with 4-bit mantissas; channels sorted by norm, and the same order for the queries."""
    rng = np.random.default_rng(0)
    common = 0.7 * rng.normal(size=(_T, _D))
    common[:, rng.choice(_D, 8, replace=False)] += rng.choice([-1, 1], 8) * rng.uniform(8, 20, 8)
    queries = rng.normal(size=(_T, _D))
    ratio = {n: _attention_error(queries, common, n) for n in (128, 64, 32)}
    other = {n: float(np.mean([_independent(seed, n) for seed in range(8)])) for n in (64, 32)}
    return [
        Finding("blocks of 128: sorted over unsorted", 1.0, ratio[128]),
        *(Finding(f"blocks of {n}, common-mean outliers: sorted over unsorted", 1, ratio[n], "", 0,
                  "<=") for n in (64, 32)),
        *(Finding(f"bits per element, blocks of {n}", 4 + 8 / n,
                  SharedExponent(4, n).bits_per_element((_T, _D))) for n in (32, 64)),
        *(Finding(f"blocks of {n}, independent scales: sorted over unsorted", 1.0, r, "", 0, "<=",
                  note="sorting makes it worse where outlier channels have no common mean")
          for n, r in other.items()),
    ]  # fmt: skip


def _quantized(keys: np.ndarray, block: int, sort: bool) -> np.ndarray:
    order = np.argsort(np.linalg.norm(keys, axis=0)) if sort else np.arange(_D)
    parts = Permuted(Group(block), tuple(order.tolist()))
    return Quantizer(SharedExponent(4), granularity=parts).quantize(keys)


def _attention_error(queries: np.ndarray, keys: np.ndarray, block: int) -> float:
    """Mean over rows of Σ|Δ softmax|, sorted over unsorted."""
    exact = softmax(queries @ keys.T / np.sqrt(_D), axis=1)
    ordered, unsorted = (
        np.abs(softmax(queries @ _quantized(keys, block, sort).T / np.sqrt(_D), axis=1) - exact)
        for sort in (True, False)
    )
    return float(ordered.sum() / unsorted.sum())


def _independent(seed: int, block: int) -> float:
    """Scores' error, sorted over unsorted: log-normal channel scales and six channels x15."""
    rng = np.random.default_rng(seed)
    keys = rng.normal(size=(_T, _D)) * np.exp(0.5 * rng.normal(size=_D))
    keys[:, rng.choice(_D, 6, replace=False)] *= 15
    queries = rng.normal(size=(_T, _D))
    unsorted, ordered = (
        np.linalg.norm(queries @ (_quantized(keys, block, sort) - keys).T) for sort in (False, True)
    )
    return float(ordered / unsorted)


PAPER = Paper(
    name="block-float-outliers",
    row=173,
    title="Accurate block quantization in LLMs with outliers",
    source="Trukhanov and Soloveychik, arXiv 2403.20137",
    claim="Sorting key channels by norm lets small blocks of 4-bit mantissas live with outliers, "
    "at no cost when the model runs.",
    composition="SharedExponent(4, 32|64) × Permuted(Group)",
    verdict=Verdict.PARTLY,
    check=check,
)
