"""Arrays in and out of formats: checked, in chunks that fit a cache, in blocks that share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from picojoule.errors import InputError

__all__ = ["CHUNK", "as_floats", "block_sizes", "in_chunks", "join", "nearest", "split"]

# Elements. Three arrays of float32 are 1.5 MiB, about an L2 cache; smaller chunks spend their time
# on calls of numpy.
CHUNK = 1 << 17

Array = NDArray[Any]
Kernel = Callable[[Array, Array, Array], object]  # source, target, scratch like the source


def as_floats(x: ArrayLike, *, single: bool = True) -> Array:
    """`x` as float32 where that and `single` lose nothing, else float64; contiguous.

    Raises InputError for complex numbers and what is not a number.
    """
    a = np.asarray(x)
    if a.dtype.kind in "OSUcmMT":
        raise InputError("not an array of real numbers", got=a.dtype, expected="e.g. float32")
    narrow = single and np.can_cast(a.dtype, np.float32)
    return np.asarray(a, np.float32 if narrow else np.float64, order="C")


def finite(x: ArrayLike, *, single: bool = True) -> Array:
    """`as_floats(x)`, or InputError with the first index whose value is not finite."""
    a = as_floats(x, single=single)
    if not np.isfinite(a).all():
        _refuse(a)
    return a


def _refuse(a: Array) -> None:
    first = np.unravel_index(int(np.argmin(np.isfinite(a))), a.shape)
    raise InputError(
        "a value to encode is not finite",
        where=f"x[{', '.join(str(int(i)) for i in first)}]",
        got=float(a[first]),
        expected="finite numbers",
        fix="drop or clip it before quantising",
    )


def in_chunks(
    x: Array,
    dtype: Any,
    kernel: Kernel,
    *,
    chunk: int = CHUNK,
    check: bool = True,
    original: Array | None = None,
) -> Array:
    """kernel(source, target, scratch) over flat pieces of `x`; an array of its shape and `dtype`.

    The scratch space is one for all pieces: fresh memory for each would cost more than the work.

    Raises InputError with the first index whose value is not finite: in `original`, if x is a
    rearranged copy of it. Without `check`, that is up to the kernel.
    """
    out = np.empty(x.shape, dtype)
    source, target = x.reshape(-1), out.reshape(-1)
    scratch = np.empty(min(chunk, source.size), x.dtype)
    for start in range(0, source.size, chunk):
        piece = source[start : start + chunk]
        if check and not np.isfinite(piece).all():
            _refuse(x if original is None else original)
        kernel(piece, target[start : start + chunk], scratch[: piece.size])
    return out


def nearest(values: Array, x: Array) -> Array:
    """Index of the value nearest to each x; the lower of two that are equally near.

    values: ascending.
    """
    return np.searchsorted((values[1:] + values[:-1]) / 2, x, side="left")


def block_sizes(shape: Sequence[int], block: int | None, axis: int) -> int:
    """Elements that share one part: `block`, or for None the whole tensor.

    Raises InputError if `axis` is not one of `shape` or `block` does not divide it.
    """
    if block is None:
        return math.prod(shape)
    if not -len(shape) <= axis < len(shape):
        raise InputError("no such axis", got=f"axis {axis} of shape {tuple(shape)}")
    if shape[axis] % block:
        raise InputError(
            "blocks don't divide the dimension",
            where=f"axis {axis} of shape {tuple(shape)}",
            got=f"{shape[axis]} elements in blocks of {block}",
            expected=f"a multiple of {block}",
            fix=f"pad to {-(-shape[axis] // block) * block}, or a block that divides",
        )
    return block


def split(x: Array, block: int | None, axis: int) -> Array:
    """`x` as (..., blocks, block) with `axis` last; for block None as (elements,)."""
    size = block_sizes(x.shape, block, axis)
    if block is None:
        return x.reshape(-1)
    last = np.moveaxis(x, axis, -1)
    return last.reshape(*last.shape[:-1], last.shape[-1] // size, size)


def join(parts: Array, shape: Sequence[int], block: int | None, axis: int) -> Array:
    """What `split` took apart, in its `shape` again."""
    if block is None:
        return parts.reshape(tuple(shape))
    rest = [n for i, n in enumerate(shape) if i != axis % len(shape)]
    return np.moveaxis(parts.reshape(*rest, shape[axis]), -1, axis)
