"""How large a step is: pure functions from the parts of an array to one scale each.

A number x is stored as q = round(x / step + zero) and stands for (q - zero) · step. A rule takes
rows (parts, elements), the grid, and, for rules that look at a layer's outputs, what errors do to
them; it returns a Scale. `functools.partial` sets a rule's parameters. A part that is all zeros
gets the step 1. Zero points come from minmax, percentile and the searches, for unsigned integers;
the other rules are symmetric.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from picojoule.errors import InputError
from picojoule.formats import FixedGrid, Int
from picojoule.transforms.quantize.outputs import Outputs

__all__ = [
    "RULES",
    "Scale",
    "ScaleRule",
    "dyadic",
    "dyadic_parts",
    "least_squares",
    "lsq",
    "mean_abs",
    "minmax",
    "mse",
    "output_mse",
    "percentile",
    "power_of_two",
    "rms",
    "unit",
]

Array = NDArray[Any]
# Shares of the largest magnitude: 60 steps of 5 %.
FACTORS: tuple[float, ...] = tuple(np.geomspace(0.055, 1.0, 60).tolist())


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """step and zero, (parts, 1) each: x ≈ (q - zero) · step. Zero points are whole numbers."""

    step: Array
    zero: Array


class ScaleRule(Protocol):
    """A function from the parts of an array to their scales."""

    def __call__(
        self, rows: Array, grid: FixedGrid, outputs: Outputs | None = None, /
    ) -> Scale:  # fmt: skip
        """A scale for each row."""


def minmax(rows: Array, grid: FixedGrid, outputs: Outputs | None = None) -> Scale:
    """The largest value is the grid's largest. Unsigned integers span minimum to maximum."""
    return _spanning(_reduce(np.min, rows), _reduce(np.max, rows), grid)


def percentile(
    rows: Array, grid: FixedGrid, outputs: Outputs | None = None, *, percent: float = 99.9
) -> Scale:
    """As minmax, but what is beyond the percentile of each part saturates.

    Raises InputError unless 50 < percent <= 100.
    """
    if not 50 < percent <= 100:
        raise InputError("not a percentile", got=percent, expected="above 50, up to 100")
    if _spans_both_ends(grid):
        low, high = np.percentile(rows, [100 - percent, percent], axis=1)
        return _spanning(low[:, None], high[:, None], grid)
    top = np.percentile(np.abs(rows), percent, axis=1)[:, None]
    return _spanning(-top, top, grid)


def mean_abs(
    rows: Array, grid: FixedGrid, outputs: Outputs | None = None, *, beta: float = 1.0
) -> Scale:
    """step = β · mean|x|: 1 for signs (XNOR-Net) and MatMul-free LM, 4/3 for TBT's ternary."""
    return _symmetric(beta * _reduce(np.mean, np.abs(rows)))


def rms(
    rows: Array, grid: FixedGrid, outputs: Outputs | None = None, *, beta: float = 1.0
) -> Scale:
    """step = β · √mean(x²)."""
    return _symmetric(beta * np.sqrt(_reduce(np.mean, np.square(rows))))


def lsq(rows: Array, grid: FixedGrid, outputs: Outputs | None = None) -> Scale:
    """step = 2 mean|x| / √(largest code): where learned step sizes start (LSQ, 1902.08153)."""
    return _symmetric(2 * _reduce(np.mean, np.abs(rows)) / np.sqrt(grid.limits[1]))


def unit(rows: Array, grid: FixedGrid, outputs: Outputs | None = None) -> Scale:
    """step = 1: the numbers are in the grid's own units."""
    return _symmetric(np.ones((len(rows), 1)))


def mse(
    rows: Array,
    grid: FixedGrid,
    outputs: Outputs | None = None,
    *,
    factors: Sequence[float] = FACTORS,
) -> Scale:
    """The share of the minmax step with the least squared error of the part."""
    return _best(rows, grid, factors, lambda error: np.square(error).sum(axis=1))


def output_mse(
    rows: Array,
    grid: FixedGrid,
    outputs: Outputs | None = None,
    *,
    factors: Sequence[float] = FACTORS,
) -> Scale:
    """As mse, for the squared error of the layer's outputs on calibration inputs.

    Exact where a part is whole output rows; parts within a row are tried all at the same share.
    Raises InputError without inputs.
    """
    if outputs is None:
        raise InputError("a rule on the output error needs calibration inputs", got="none")
    return _best(rows, grid, factors, outputs.cost)


def least_squares(
    rows: Array,
    grid: FixedGrid,
    outputs: Outputs | None = None,
    *,
    start: ScaleRule = lsq,
    rounds: int = 50,
) -> Scale:
    """The step that squared error alone would learn: Σxq / Σq², codes anew, and so on.

    Both halves lower the squared error, so it ends in a local minimum, near that of `start`.
    """
    scale = start(rows, grid)
    step = scale.step
    for _ in range(rounds):
        q = grid.quantize(rows / step + scale.zero) - scale.zero
        power = np.square(q).sum(axis=1, keepdims=True)
        new = (rows * q).sum(axis=1, keepdims=True) / np.where(power > 0, power, 1)
        new = np.where(new > 0, new, step)
        if np.array_equal(new, step):
            break
        step = new
    return Scale(step, scale.zero)


def power_of_two(rule: ScaleRule) -> ScaleRule:
    """`rule` with steps rounded up to powers of two, so that rescaling is a shift."""

    @functools.wraps(rule)
    def rounded(rows: Array, grid: FixedGrid, outputs: Outputs | None = None) -> Scale:
        scale = rule(rows, grid, outputs)
        mantissa, exponent = np.frexp(scale.step)
        return replace(scale, step=np.ldexp(1.0, exponent - (mantissa == 0.5)))

    return rounded


def dyadic(rule: ScaleRule, bits: int = 31) -> ScaleRule:
    """`rule` with steps m / 2^e, so that rescaling is an integer product and a shift."""

    @functools.wraps(rule)
    def rounded(rows: Array, grid: FixedGrid, outputs: Outputs | None = None) -> Scale:
        scale = rule(rows, grid, outputs)
        m, e = dyadic_parts(scale.step, bits)
        return replace(scale, step=np.ldexp(m.astype(np.float64), -e))

    return rounded


def dyadic_parts(step: Array | float, bits: int = 31) -> tuple[Array, Array]:
    """(m, e), int64, with step ≈ m / 2^e and m < 2^bits; relative error at most 2^-bits.

    HAWQ-V3's requantisation (arXiv 2011.10680, section 3.1) with frexp. Raises InputError
    outside 2..31 bits or where a step isn't positive.
    """
    if not 2 <= bits <= 31:
        raise InputError("not a dyadic number", got=f"{bits} bits", expected="2..31")
    if not (np.asarray(step) > 0).all():
        raise InputError("a step isn't positive", got=float(np.min(step)))
    fraction, exponent = np.frexp(np.asarray(step, np.float64))
    m = np.rint(np.ldexp(fraction, bits)).astype(np.int64)
    carried = m == 1 << bits
    return np.where(carried, m >> 1, m), bits - exponent.astype(np.int64) - carried


def _best(
    rows: Array, grid: FixedGrid, factors: Sequence[float], cost: Callable[[Array], Array]
) -> Scale:
    widest = minmax(rows, grid)
    least = np.full((len(rows), 1), np.inf)
    step = widest.step
    for factor in factors:
        tried = widest.step * factor
        q = grid.quantize(rows / tried + widest.zero) - widest.zero
        found = cost(q * tried - rows)[:, None]
        step = np.where(found < least, tried, step)
        least = np.minimum(found, least)
    return Scale(step, widest.zero)


def _spanning(low: Array, high: Array, grid: FixedGrid) -> Scale:
    bottom, top = grid.limits
    if not _spans_both_ends(grid):
        return _symmetric(np.maximum(np.abs(low), np.abs(high)) / top)
    low, high = np.minimum(low, 0), np.maximum(high, 0)  # zero stays a number of the grid
    step = _positive((high - low) / (top - bottom))
    return Scale(step, np.rint(-low / step))


def _spans_both_ends(grid: FixedGrid) -> bool:
    """Whether data with both signs need a zero point."""
    return isinstance(grid, Int) and not grid.signed


def _symmetric(step: Array) -> Scale:
    return Scale(_positive(step), np.zeros_like(step))


def _positive(step: Array) -> Array:
    # A step that underflows to 0 or a subnormal can't be divided by.
    return np.where(step > np.finfo(step.dtype).tiny, step, 1).astype(step.dtype)


def _reduce(function: Callable[..., Array], rows: Array) -> Array:
    """Over each row, (parts, 1); an empty row counts as zeros."""
    if not rows.shape[1]:
        return np.zeros((len(rows), 1))
    return function(rows, axis=1, keepdims=True)


RULES: dict[str, ScaleRule] = {
    "minmax": minmax,
    "percentile": percentile,
    "mean-abs": mean_abs,
    "rms": rms,
    "mse": mse,
    "output-mse": output_mse,
    "lsq": lsq,
    "least-squares": least_squares,
    "power-of-two": power_of_two(minmax),
    "dyadic": dyadic(minmax),
    "unit": unit,
}
