"""Which of the two neighbours on the grid a number becomes.

A rounding takes u = x / step + zero in rows (parts, elements), the grid, and, for the learned
one, what errors do to a layer's outputs; it returns numbers of the grid. Beyond the ends of the
grid all of them saturate.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from picojoule.errors import InputError
from picojoule.formats import FixedGrid, Int
from picojoule.transforms.quantize.outputs import Outputs

__all__ = [
    "ROUNDINGS",
    "Rounding",
    "double",
    "floor",
    "learned",
    "nearest",
    "neighbours",
    "stochastic",
]

Array = NDArray[Any]


class Rounding(Protocol):
    """A function from scaled numbers to numbers of the grid."""

    def __call__(
        self, u: Array, grid: FixedGrid, outputs: Outputs | None = None, /
    ) -> Array:  # fmt: skip
        """Numbers of the grid, in the shape of `u`."""


def nearest(u: Array, grid: FixedGrid, outputs: Outputs | None = None) -> Array:
    """The nearer one; ties as the format has them."""
    return np.asarray(grid.quantize(u))


def floor(u: Array, grid: FixedGrid, outputs: Outputs | None = None) -> Array:
    """The one below."""
    return neighbours(u, grid)[0]


def stochastic(
    u: Array,
    grid: FixedGrid,
    outputs: Outputs | None = None,
    *,
    seed: int | np.random.Generator = 0,
) -> Array:
    """Either, so that the mean is u. A number as seed draws the same each time."""
    below, above = neighbours(u, grid)
    draw = np.random.default_rng(seed).random(u.shape)
    return np.where(draw < _place(u, below, above), above, below)


def double(
    u: Array, grid: FixedGrid, outputs: Outputs | None = None, *, stored_bits: int = 8
) -> Array:
    """To the integer of `stored_bits` that is kept, and from there to the one that is used.

    Double Rounding (Huang et al., 2025): a model stored once serves at several widths. The other
    way, dropping low bits, is `floor` of the second step. Raises InputError unless the grid is
    an integer of at most that many bits.
    """
    if not (isinstance(grid, Int) and grid.bits <= stored_bits):
        raise InputError(
            "double rounding goes from wide integers to narrow ones",
            got=grid.name,
            expected=f"an integer of at most {stored_bits} bits",
        )
    finer = 2.0 ** (stored_bits - grid.bits)
    kept = Int(stored_bits, grid.signed, grid.narrow).quantize(u * finer)
    return np.asarray(grid.quantize(kept / finer))


def learned(
    u: Array,
    grid: FixedGrid,
    outputs: Outputs | None = None,
    *,
    rounds: int = 500,
    rate: float = 0.05,
    weight: float = 0.01,
) -> Array:
    """The neighbours that minimise the layer's output error (AdaRound, arXiv 2004.10568).

    h in 0..1 between the neighbours is a stretched sigmoid; Adam minimises the output error plus
    Σ 1 - |2h - 1|^β, with β from 20 to 2 (eqs. 21 to 24), which leaves each h at an end. Never
    worse than nearest: where it would be, that is the answer. rate: Adam's. weight: of the
    second term, where the error of rounding to nearest counts 1; from 0.001 on it hardly matters.
    Raises InputError without inputs.
    """
    if outputs is None:
        raise InputError("learned rounding needs calibration inputs", got="none")
    below, above = neighbours(u, grid)
    gap = above - below
    start = np.clip(_place(u, below, above), 0.01, 0.99)
    v = -np.log(1.2 / (start + 0.1) - 1)
    closest = nearest(u, grid)
    error = max(float(outputs.cost(closest - u).sum()), np.finfo(float).tiny)
    mean, square = np.zeros_like(v), np.zeros_like(v)
    for i in range(1, rounds + 1):
        s = 1 / (1 + np.exp(-v))
        h = np.clip(1.2 * s - 0.1, 0, 1)
        slope = outputs.gradient(below + h * gap - u) * gap / error
        if i > rounds // 5:  # free at first
            beta = 2 + 18 * (1 - i / rounds)
            x = 2 * h - 1
            slope = slope - weight * 2 * beta * np.sign(x) * np.abs(x) ** (beta - 1)
        slope = slope * 1.2 * s * (1 - s) * ((h > 0) & (h < 1))
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        corrected = np.sqrt(square / (1 - 0.999**i)) + 1e-12
        v = np.clip(v - rate * mean / (1 - 0.9**i) / corrected, -30, 30)
    found = np.where(h >= 0.5, above, below)
    return found if outputs.cost(found - u).sum() < error else closest


def neighbours(u: Array, grid: FixedGrid) -> tuple[Array, Array]:
    """The numbers of the grid below and above u, both u where it is one; ends where beyond.

    Raises InputError for grids other than integers with more than 16 bits.
    """
    if isinstance(grid, Int):
        return np.asarray(grid.quantize(np.floor(u))), np.asarray(grid.quantize(np.ceil(u)))
    values = np.unique(grid.decode(grid.every_code()).astype(np.float64))
    above = np.searchsorted(values, u, side="left")
    below = np.searchsorted(values, u, side="right") - 1
    last = len(values) - 1
    return values[np.clip(below, 0, last)], values[np.clip(above, 0, last)]


def _place(u: Array, below: Array, above: Array) -> Array:
    """Where u lies between its neighbours, 0..1."""
    gap = above - below
    return np.asarray(np.clip((u - below) / np.where(gap > 0, gap, 1), 0, 1))


ROUNDINGS: dict[str, Rounding] = {
    "nearest": nearest,
    "floor": floor,
    "stochastic": stochastic,
    "learned": learned,
    "double": double,
}
