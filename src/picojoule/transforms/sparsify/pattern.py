"""Which weights may be zero together: a Pattern turns scores into a mask.

One Protocol; each pattern is a frozen dataclass with one function of scores. Scores and masks have
the shape of the weight: (outputs, inputs) or (outputs, inputs, *kernel). True is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from picojoule.errors import InputError

__all__ = ["Block", "Head", "NofM", "Pattern", "Slices", "Unstructured", "keep_largest"]

Floats = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]


class Pattern(Protocol):
    """Turns scores into a mask that keeps about `density` of the weights."""

    def mask(self, score: Floats, density: float) -> Mask:
        """The mask of `score`'s shape. Raises InputError where the pattern does not fit it."""
        ...


def keep_largest(score: Floats, density: float) -> Mask:
    """True at the round(density × size) largest scores; equal scores: the earlier ones.

    Raises InputError: density outside 0..1, scores that are not finite.
    """
    if not 0.0 <= density <= 1.0:
        raise InputError("density out of range", got=density, expected="0 to 1")
    if not np.isfinite(score).all():
        raise InputError("scores must be finite", got="NaN or infinity")
    kept = np.zeros(score.size, bool)
    n = round(density * score.size)
    kept[np.argsort(-score, axis=None, kind="stable")[:n]] = True
    return kept.reshape(score.shape)


@dataclass(frozen=True, slots=True)
class Unstructured:
    """Any weight by itself. The top-z selection of federated updates is the same (FedZip)."""

    def mask(self, score: Floats, density: float) -> Mask:
        """Keep the largest."""
        return keep_largest(score, density)


@dataclass(frozen=True, slots=True)
class NofM:
    """`n` of each `m` neighbours along `axis`; the density is n/m, whatever is asked for.

    axis 1 groups a neuron's inputs, as sparse tensor cores do (2:4); axis 0 groups outputs, as the
    pass to the inputs needs (BDWP, arXiv 2309.13015).
    """

    n: int
    m: int
    axis: int = 1

    def mask(self, score: Floats, density: float = 0.0) -> Mask:
        """Keep the n largest of each group."""
        if not 0 < self.n <= self.m:
            raise InputError("not an N:M pattern", got=f"{self.n}:{self.m}", expected="0 < N <= M")
        _divides(score, self.axis, self.m)
        last = np.moveaxis(score, self.axis, -1)
        groups = last.reshape(*last.shape[:-1], -1, self.m)
        order = np.argsort(-groups, axis=-1, kind="stable")
        kept = np.zeros(groups.shape, bool)
        np.put_along_axis(kept, order[..., : self.n], values=True, axis=-1)
        return np.moveaxis(kept.reshape(last.shape), -1, self.axis)


@dataclass(frozen=True, slots=True)
class Block:
    """Tiles of `rows` × `columns` of the first two axes, by their mean score (LPViT, 32 × 32)."""

    rows: int
    columns: int

    def mask(self, score: Floats, density: float) -> Mask:
        """Keep the tiles of the largest mean."""
        _divides(score, 0, self.rows)
        _divides(score, 1, self.columns)
        out, into, *rest = score.shape
        tiles = score.reshape(out // self.rows, self.rows, into // self.columns, self.columns, -1)
        kept = keep_largest(tiles.mean(axis=(1, 3, 4)), density)
        grown = kept.repeat(self.rows, axis=0).repeat(self.columns, axis=1)
        return np.broadcast_to(grown.reshape(out, into, *[1] * len(rest)), score.shape).copy()


@dataclass(frozen=True, slots=True)
class Slices:
    """Whole slices along `axis`, by their mean score: 0 for filters, 1 for input channels."""

    axis: int = 0

    def mask(self, score: Floats, density: float) -> Mask:
        """Keep the slices of the largest mean."""
        others = tuple(a for a in range(score.ndim) if a != self.axis)
        kept = keep_largest(score.mean(axis=others), density)
        shape = [-1 if a == self.axis else 1 for a in range(score.ndim)]
        return np.broadcast_to(kept.reshape(shape), score.shape).copy()


@dataclass(frozen=True, slots=True)
class Head:
    """Whole attention heads: equal runs of outputs, by their mean score."""

    heads: int

    def mask(self, score: Floats, density: float) -> Mask:
        """Keep the heads of the largest mean."""
        _divides(score, 0, self.heads)
        kept = keep_largest(score.reshape(self.heads, -1).mean(axis=1), density)
        rows = kept.repeat(score.shape[0] // self.heads)
        return np.broadcast_to(rows.reshape(-1, *[1] * (score.ndim - 1)), score.shape).copy()


def _divides(score: Floats, axis: int, size: int) -> None:
    if axis >= score.ndim or size < 1 or score.shape[axis] % size:
        raise InputError(
            "a group does not divide the dimension",
            got=f"shape {score.shape}, axis {axis}, groups of {size}",
            expected=f"a divisor of {score.shape[axis] if axis < score.ndim else 'that axis'}",
        )
