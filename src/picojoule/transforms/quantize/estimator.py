"""What a gradient sees of a rounding: its slope, which is zero almost everywhere, replaced.

Training only: an estimator never changes a value, hence no joule of inference. Each takes u, the
scaled number that was rounded, and the ends of the grid, and returns the slope at u; on numpy
arrays and torch tensors alike. Those named after a binary network are slopes of a smooth sign.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np

__all__ = [
    "ESTIMATORS",
    "Estimator",
    "clip",
    "fourier",
    "identity",
    "learned_scale",
    "power",
    "quadratic",
    "sine",
    "tent",
]


class Estimator(Protocol):
    """A function from scaled numbers to slopes."""

    def __call__(self, u: Any, low: float, high: float, /) -> Any:
        """The slope at `u`, in its shape; low, high: the ends of the grid."""


def identity(u: Any, low: float, high: float) -> Any:
    """1 everywhere: the plain straight-through estimator."""
    return u * 0 + 1


def clip(u: Any, low: float, high: float) -> Any:
    """1 within the grid, 0 beyond: |u| <= 1 for signs (BNN)."""
    return (u >= low) * (u <= high) * (u * 0 + 1)


def tent(u: Any, low: float, high: float) -> Any:
    """max(0, 2 - 2|u|), with |u| relative to the grid's upper end."""
    return (2 - 2 * abs(u / high)).clip(0, 2)


# Bi-Real Net (ECCV 2018, eq. 7) approximates the sign by 2u + u² below and 2u - u² above zero. The
# slope of these is the tent: two names in the literature for one function.
quadratic = tent

# LSQ (arXiv 1902.08153): within the grid, the number passes its gradient and the step gets q - u;
# beyond, only the step does, with the grid's end. A step that is a parameter, and `clip`, are that.
learned_scale = clip


def power(
    u: Any, low: float, high: float, *, order: float = 3.0, t: float = 1.5, m: float = 0.1
) -> Any:
    """ReSTE (ICCV 2023, eqs. 7 to 9): slope of sign(u)|u|^(1/o).

    Between m and t (1/o)|u|^((1-o)/o); below m the secant m^(1/o) / m; above t zero.
    """
    size = abs(u)
    inner = m ** (1 / order) / m
    outer = size.clip(m, t) ** ((1 - order) / order) / order
    return (size <= t) * ((size < m) * inner + (size >= m) * outer)


def sine(u: Any, low: float, high: float, *, omega: float = 20.0) -> Any:
    """BiPer (CVPR 2024): slope of sin(ωu), for the forward function sign(sin(ωu))."""
    return omega * _cos(omega * u)


def fourier(u: Any, low: float, high: float, *, terms: int = 9, omega: float = math.pi) -> Any:
    """FDA (NeurIPS 2021): slope of 4/π Σ sin((2i+1)ωu) / (2i+1) over `terms` terms."""
    return 4 * omega / math.pi * sum(_cos((2 * i + 1) * omega * u) for i in range(terms))


def _cos(u: Any) -> Any:
    return u.cos() if hasattr(u, "cos") else np.cos(u)


ESTIMATORS: dict[str, Estimator] = {
    "identity": identity,
    "clip": clip,
    "tent": tent,
    "quadratic": quadratic,
    "power": power,
    "sine": sine,
    "fourier": fourier,
    "learned-scale": learned_scale,
}
