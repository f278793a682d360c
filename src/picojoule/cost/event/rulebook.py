"""Products of sparse convolutions over active sites only, by their rulebook."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from picojoule.errors import InputError

__all__ = ["strided_pairs", "submanifold_pairs"]


def submanifold_pairs(sites: ArrayLike, kernel: int = 3) -> int:
    """(input, output) pairs of a submanifold convolution: outputs only where there are inputs.

    sites: (n, dims) integer coordinates; equal ones count once. Pairs × input channels × output
    channels are its products. Raises InputError for an even kernel or coordinates that are no
    integers.
    """
    if kernel < 1 or kernel % 2 == 0:
        raise InputError("a submanifold kernel is odd", got=kernel)
    active = _sites(sites)
    known = {tuple(site) for site in active.tolist()}
    reach = range(-(kernel // 2), kernel // 2 + 1)
    offsets = product(reach, repeat=active.shape[1])
    return sum(
        tuple(s + o for s, o in zip(site, offset, strict=True)) in known
        for offset in offsets
        for site in known
    )


def strided_pairs(
    sites: ArrayLike, stride: int = 2
) -> tuple[int, np.ndarray[tuple[int, int], np.dtype[np.int64]]]:
    """Pairs of a convolution whose kernel is its stride, and its active outputs."""
    if stride < 1:
        raise InputError("not a stride", got=stride)
    active = np.unique(_sites(sites), axis=0)
    return len(active), np.unique(active // stride, axis=0)


def _sites(sites: ArrayLike) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    a = np.asarray(sites)
    if a.ndim != 2 or not np.issubdtype(a.dtype, np.integer):
        raise InputError("sites are (n, dims) integers", got=f"{a.dtype} {a.shape}")
    return a.astype(np.int64)
