"""WGSEF: the sparse group envelope, whose proximal step leaves exactly k groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.sparsify.realise import prox_sparse_envelope, sparse_envelope


def check(data: Path | None) -> list[Finding]:
    """Limits of the envelope, and the proximal point against 9,000 neighbours."""
    rng = np.random.default_rng(0)
    x, k, strength = rng.normal(size=9), 3, 0.5
    few = np.where(np.arange(9) % 3 == 1, x, 0.0)
    u = prox_sparse_envelope(x, strength, k)

    def cost(z: np.ndarray) -> float:
        return strength * sparse_envelope(z, k) + 0.5 * float(((z - x) ** 2).sum())

    steps = (rng.normal(0, scale, 9) for scale in (1e-3, 1e-2, 0.1) for _ in range(3000))
    better = sum(cost(u + step) < cost(u) - 1e-12 for step in steps)
    exact = 1e-12
    return [
        Finding("envelope at k=1 over ½‖x‖₁²", 1, 2 * sparse_envelope(x, 1) / abs(x).sum() ** 2,
                tolerance=exact),
        Finding("envelope at k=n over ½‖x‖₂²", 1, 2 * sparse_envelope(x, 9) / (x**2).sum(),
                tolerance=exact),
        Finding("envelope of a 3-sparse vector at k=3 over ½‖x‖₂²", 1,
                2 * sparse_envelope(few, 3) / (few**2).sum(), tolerance=exact),
        Finding("neighbours of the proximal point that cost less, of 9,000", 0, better),
        Finding("nonzeros at λ=50", 3, float(np.count_nonzero(prox_sparse_envelope(x, 50.0, 3)))),
    ]  # fmt: skip


PAPER = Paper(
    name="wgsef",
    row=88,
    title="Structured sparsity with the weighted group sparse envelope function",
    source="WGSEF; the envelope is ½ the squared k-support norm (Argyriou et al. 2012)",
    claim="The convex envelope of ½‖x‖² over k-sparse vectors interpolates between ½‖x‖₁² and "
    "½‖x‖₂², and its proximal step yields exact zeros.",
    composition="Slices × group norm × proximal step",
    verdict=Verdict.REPRODUCED,
    check=check,
)
