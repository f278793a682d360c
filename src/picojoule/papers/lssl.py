"""Linear state-space layers: one recurrence that is also a convolution."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.restructure import recurrence


def check(data: Path | None) -> list[Finding]:
    """HiPPO-LegS, discretised, diagonalised and run in two orders."""
    rng = np.random.default_rng(0)
    n = 8
    matrix = recurrence.hippo_legs(n)
    eigenvalues = np.sort(np.linalg.eigvals(matrix).real)[::-1]
    step, into = recurrence.bilinear(matrix, np.sqrt(2 * np.arange(n)[:, None] + 1.0), 0.02)
    values, vectors = np.linalg.eig(step)
    u = rng.normal(size=(200, 1))
    driven = u @ (np.linalg.inv(vectors) @ into).T
    dense, h = [], np.zeros(n)
    for (x,) in u:
        h = step @ h + into[:, 0] * x
        dense.append(h)
    found = {
        "step by step": recurrence.recurrent(values, driven),
        "as a convolution": recurrence.convolution(values, driven),
        "as a scan": recurrence.scan(values, driven),
    }
    scale = np.abs(np.array(dense)).max()
    return [
        Finding("eigenvalues of LegS against −1 .. −8, largest difference", 1e-6,
                float(np.abs(eigenvalues + np.arange(1, n + 1)).max()), relation="<="),
        *(Finding(f"{order}, largest difference to the dense recurrence", 1e-6,
                  float(np.abs((h @ vectors.T).real - dense).max() / scale), relation="<=")
          for order, h in found.items()),
    ]  # fmt: skip


PAPER = Paper(
    name="lssl",
    row=108,
    title="Combining recurrent, convolutional, and continuous-time models with linear "
    "state-space layers",
    source="Gu et al., NeurIPS 2021, arXiv 2110.13985",
    claim="One linear layer is a recurrence, a convolution and a differential equation.",
    composition="LinearRecurrence(A = bilinear(HiPPO-LegS)), orders recurrent ≡ convolution ≡ scan",
    verdict=Verdict.REPRODUCED,
    check=check,
)
