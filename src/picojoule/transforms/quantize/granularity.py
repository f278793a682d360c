"""Which elements share a scale: a partition of an array into equal parts, and back."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from picojoule.errors import InputError

__all__ = ["Block", "Channel", "Granularity", "Group", "Head", "Permuted", "Tensor", "Token"]


class Granularity(Protocol):
    """A partition. `split` and `join` take numpy arrays and torch tensors alike."""

    def split(self, x: Any) -> Any:
        """`x`, any shape, as (parts, elements). Raises InputError where parts don't fit."""

    def join(self, rows: Any, shape: Sequence[int]) -> Any:
        """What `split` took apart, in its shape again."""

    def parts(self, shape: Sequence[int]) -> int:
        """How many scales an array of `shape` has."""


class _Tiles(ABC):
    """Parts that are equal tiles: how far one extends along each axis says it all."""

    __slots__ = ()

    @abstractmethod
    def tile(self, shape: Sequence[int]) -> tuple[int, ...]:
        """The extent of one part along each axis."""

    def parts(self, shape: Sequence[int]) -> int:
        """How many tiles there are."""
        return math.prod(self._counts(shape))

    def split(self, x: Any) -> Any:
        """(parts, elements), tiles in the order of their first elements."""
        counts, tile = self._counts(x.shape), self.tile(x.shape)
        tiled = x.reshape([n for pair in zip(counts, tile, strict=True) for n in pair])
        axes = range(2 * len(tile))
        rows = _ordered(tiled, [*axes[::2], *axes[1::2]])
        return rows.reshape(math.prod(counts), math.prod(tile))

    def join(self, rows: Any, shape: Sequence[int]) -> Any:
        """The inverse of `split`."""
        counts, tile = self._counts(shape), self.tile(shape)
        pairs = [axis for i in range(len(tile)) for axis in (i, i + len(tile))]
        return _ordered(rows.reshape([*counts, *tile]), pairs).reshape(tuple(shape))

    def _counts(self, shape: Sequence[int]) -> list[int]:
        return [n // t if t else 1 for n, t in zip(shape, self.tile(shape), strict=True)]


@dataclass(frozen=True, slots=True)
class Tensor(_Tiles):
    """One scale for all."""

    def tile(self, shape: Sequence[int]) -> tuple[int, ...]:
        """The whole shape."""
        return tuple(shape)


@dataclass(frozen=True, slots=True)
class Channel(_Tiles):
    """One scale per index of `axis`; of a weight matrix (out, in), axis 0 is the outputs."""

    axis: int = 0

    def tile(self, shape: Sequence[int]) -> tuple[int, ...]:
        """1 along the axis."""
        return _with(shape, self.axis, 1)


@dataclass(frozen=True, slots=True)
class Token(_Tiles):
    """One scale per vector of the last axis."""

    def tile(self, shape: Sequence[int]) -> tuple[int, ...]:
        """1 along all axes but the last."""
        return (*(1 for _ in shape[:-1]), *shape[-1:])


@dataclass(frozen=True, slots=True)
class Group(_Tiles):
    """One scale per `size` neighbours along `axis`, and per index of the other axes."""

    size: int
    axis: int = -1

    def tile(self, shape: Sequence[int]) -> tuple[int, ...]:
        """`size` along the axis, 1 along the others."""
        _divides(self.size, shape, self.axis, "groups")
        return _with([1] * len(shape), self.axis, self.size)


@dataclass(frozen=True, slots=True)
class Block(_Tiles):
    """One scale per rectangle of the last two axes."""

    rows: int
    columns: int

    def tile(self, shape: Sequence[int]) -> tuple[int, ...]:
        """rows × columns along the last two axes, 1 along the others."""
        _divides(self.rows, shape, -2, "blocks")
        _divides(self.columns, shape, -1, "blocks")
        return (*(1 for _ in shape[:-2]), self.rows, self.columns)


@dataclass(frozen=True, slots=True)
class Head(_Tiles):
    """One scale per attention head: `heads` equal runs along `axis`."""

    heads: int
    axis: int = 0

    def tile(self, shape: Sequence[int]) -> tuple[int, ...]:
        """A run of the axis, all of the others."""
        _divides(self.heads, shape, self.axis, "heads")
        return _with(shape, self.axis, shape[self.axis] // self.heads)


@dataclass(frozen=True, slots=True)
class Permuted:
    """`inner` on the array with `axis` in another order; exact, since `join` undoes the order.

    order: a permutation of the axis, such as numpy.argsort of its norms: neighbours of like size
    then share a scale. Raises InputError if it is none.
    """

    inner: Granularity
    order: tuple[int, ...]
    axis: int = -1

    def __post_init__(self) -> None:
        if sorted(self.order) != list(range(len(self.order))):
            raise InputError("not a permutation", got=self.order, expected=f"0..{len(self.order)}")

    def split(self, x: Any) -> Any:
        """The inner parts of the permuted array."""
        _axis(x.shape, self.axis)
        if x.shape[self.axis] != len(self.order):
            raise InputError(
                "the permutation doesn't fit the dimension", where=f"axis {self.axis}",
                got=f"{len(self.order)} indices", expected=x.shape[self.axis],
            )  # fmt: skip
        return self.inner.split(self._take(x, self.order))

    def join(self, rows: Any, shape: Sequence[int]) -> Any:
        """In the original order."""
        back = sorted(range(len(self.order)), key=self.order.__getitem__)
        return self._take(self.inner.join(rows, shape), back)

    def parts(self, shape: Sequence[int]) -> int:
        """Those of the inner partition."""
        return self.inner.parts(shape)

    def _take(self, x: Any, order: Sequence[int]) -> Any:
        return x[(slice(None),) * (self.axis % len(x.shape)) + (list(order),)]


def _ordered(x: Any, axes: Sequence[int]) -> Any:
    """Axes in another order, of a numpy array or a torch tensor."""
    return x.permute(*axes) if hasattr(x, "permute") else x.transpose(axes)


def _axis(shape: Sequence[int], axis: int) -> int:
    if not -len(shape) <= axis < len(shape):
        raise InputError("no such axis", got=f"axis {axis} of shape {tuple(shape)}")
    return axis % len(shape)


def _with(extents: Sequence[int], axis: int, extent: int) -> tuple[int, ...]:
    at = _axis(extents, axis)
    return tuple(extent if i == at else n for i, n in enumerate(extents))


def _divides(size: int, shape: Sequence[int], axis: int, what: str) -> None:
    n = shape[_axis(shape, axis)]
    if size < 1 or n % size:
        divisors = [d for d in range(1, n + 1) if n % d == 0]
        raise InputError(
            f"{what} don't divide the dimension",
            where=f"axis {axis} of shape {tuple(shape)}",
            got=f"{what} of {size} for {n} elements" if what != "heads" else f"{size} heads",
            expected=f"a divisor of {n}: {', '.join(map(str, divisors))}",
            fix=f"the nearest is {min(divisors, key=lambda d: (abs(d - size), d))}",
        )
