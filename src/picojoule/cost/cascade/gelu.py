"""GELU from a small table, as an accelerator without an exponential unit has it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import erf

__all__ = ["gelu", "gelu_by_table", "gelu_table"]

Floats = npt.NDArray[np.floating]


def gelu(x: Floats) -> Floats:
    """x · Φ(x) (Hendrycks and Gimpel, arXiv 1606.08415)."""
    return np.asarray(0.5 * x * (1 + erf(x / np.sqrt(2))))


def gelu_table(step: float, entries: int) -> Floats:
    """δ(a) = ReLU(a) - GELU(a) at a = 0, step, 2·step... δ is even, so |x| is enough."""
    a = step * np.arange(entries)
    return np.asarray(a - gelu(a))


def gelu_by_table(x: Floats, table: Floats, step: float) -> Floats:
    """ReLU(x) - δ(|x|), δ interpolated linearly and 0 beyond the table (Edge-MoE, ICCAD 2023)."""
    ends = step * np.arange(len(table) + 1)
    delta = np.interp(np.abs(x), ends, np.append(table, 0.0), right=0.0)
    return np.asarray(np.maximum(x, 0) - delta)
