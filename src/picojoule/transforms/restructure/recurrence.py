"""One linear recurrence, h_t = a_t ⊙ h_{t−1} + b_t, in four orders that give the same values.

Decay attention (scalar a), MLGRU (a vector that depends on the input), S4 and LSSL (constant a,
after diagonalisation) and Mamba (selective a) are this with other a and b.

Shapes: a, b (time, state), or a (state,) where it is constant. h starts at 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from picojoule.errors import InputError

__all__ = ["bilinear", "chunked", "convolution", "hippo_legs", "recurrent", "scan"]

Values = NDArray[np.inexact[Any]]


def recurrent(a: Values, b: Values) -> Values:
    """Step by step: O(time), one state in memory."""
    h = np.zeros(b.shape[1], np.result_type(a, b))
    out = np.empty(b.shape, h.dtype)
    for t, row in enumerate(np.broadcast_to(a, b.shape)):
        h = row * h + b[t]
        out[t] = h
    return out


def scan(a: Values, b: Values) -> Values:
    """Parallel prefix: log2(time) vectorised sweeps (Blelloch 1990, as in S5 and Mamba)."""
    gain, total = np.array(np.broadcast_to(a, b.shape)), np.array(b, np.result_type(a, b))
    step = 1
    while step < len(b):
        total[step:] = gain[step:] * total[:-step] + total[step:]
        gain[step:] = gain[step:] * gain[:-step]
        step *= 2
    return total


def convolution(a: Values, b: Values) -> Values:
    """For a constant a: b convolved with 1, a, a², … by FFT."""
    if a.ndim != 1:
        raise InputError("a convolution needs a constant a", got=f"shape {a.shape}")
    n = len(b)
    kernel = a[None, :] ** np.arange(n)[:, None]
    spectrum = np.fft.fft(kernel, 2 * n, axis=0) * np.fft.fft(b, 2 * n, axis=0)
    out = np.fft.ifft(spectrum, axis=0)[:n]
    return out if np.iscomplexobj(a) or np.iscomplexobj(b) else out.real


def chunked(a: Values, b: Values, block: int = 64) -> Values:
    """Scans inside blocks, the state between them."""
    if block < 1:
        raise InputError("a block has at least one step", got=block)
    a = np.broadcast_to(a, b.shape)
    parts, h = [], np.zeros(b.shape[1], np.result_type(a, b))
    for start in range(0, len(b), block):
        rows = slice(start, start + block)
        inside = scan(a[rows], b[rows]) + np.cumprod(a[rows], axis=0) * h
        parts.append(inside)
        h = inside[-1]
    return np.concatenate(parts)


def hippo_legs(n: int) -> Values:
    """The HiPPO-LegS matrix (n, n): −√((2i+1)(2j+1)) below, −(i+1) on the diagonal.

    Its eigenvalues are −1 .. −n (Gu et al., arXiv 2008.07669, theorem 2).
    """
    i = np.arange(n)
    below = -np.sqrt((2 * i[:, None] + 1.0) * (2 * i[None, :] + 1.0))
    matrix: Values = np.tril(below, -1) - np.diag(i + 1.0)
    return matrix


def bilinear(a: Values, b: Values, step: float) -> tuple[Values, Values]:
    """Discretise x' = A x + B u: (I − ΔA/2)⁻¹(I + ΔA/2) and (I − ΔA/2)⁻¹ ΔB (Tustin's rule)."""
    eye = np.eye(len(a))
    left = np.linalg.inv(eye - step / 2 * a)
    return left @ (eye + step / 2 * a), left @ (step * b)
