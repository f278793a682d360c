"""A linear layer that works only on inputs that have changed since they were last sent.

y_t = y_{t-1} + W (x_t − x̂_{t-1}) over the inputs with |x_t − x̂| > θ, and x̂ remembers what was
sent (delta networks: Neil et al., arXiv 1612.05571). With
θ = 0 it is exact up to rounding; else each output is off by at most θ·Σ|W_ij|.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from picojoule.errors import InputError

__all__ = ["DeltaRun", "delta_linear"]

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class DeltaRun:
    """outputs: (time, out). macs, dense_macs: multiply-accumulates done, and without deltas.

    memory: values that must be kept between steps: x̂ and y.
    """

    outputs: Floats
    macs: int
    dense_macs: int
    memory: int


def delta_linear(w: Floats, x: Floats, threshold: float = 0.0) -> DeltaRun:
    """Run a sequence x (time, in) through weights w (out, in). The first step is dense.

    Raises InputError: shapes that don't fit, a negative threshold.
    """
    if x.ndim != 2 or w.ndim != 2 or x.shape[1] != w.shape[1] or threshold < 0:
        raise InputError(
            "not a sequence for this layer", got=f"x {x.shape}, w {w.shape}, θ {threshold:g}",
            expected="x (time, in), w (out, in), θ >= 0",
        )  # fmt: skip
    sent, y = np.zeros(x.shape[1]), np.zeros(w.shape[0])
    outputs, changed_inputs = [], 0
    for row in x:
        changed = np.abs(row - sent) > threshold
        y = y + w[:, changed] @ (row - sent)[changed]
        sent = np.where(changed, row, sent)
        outputs.append(y)
        changed_inputs += int(changed.sum())
    dense = x.size * w.shape[0]
    return DeltaRun(np.array(outputs), changed_inputs * w.shape[0], dense, sent.size + y.size)
