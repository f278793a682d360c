"""A matrix product with few-bit weights by table look-up instead of multiplication.

Weights of B bits are B planes of signs: 2q − (2^B − 1) = Σ_b 2^b·s_b with s_b ∈ {−1, 1}. For K
activations all signed sums are one table; half of it is enough, since the opposite signs give the
opposite sum. Each plane looks up, shifts and adds (LUT Tensor Core, ISCA 2025, arXiv 2408.06003).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from picojoule.errors import InputError

__all__ = ["LutWork", "lut_gemm", "lut_work", "tables"]

Ints = npt.NDArray[np.int64]
MAX_GROUP, MAX_BITS = 8, 8


@dataclass(frozen=True, slots=True)
class LutWork:
    """Of one product m × n × k. entries: of one table. table_adds: additions that fill all tables.
    lookups, adds: over all planes; a look-up's sum is added to the accumulator."""

    entries: int
    table_adds: int
    lookups: int
    adds: int


def tables(x: npt.ArrayLike, group: int) -> Ints:
    """Signed sums of each `group` activations of every row: m × groups × 2^(group−1).

    Entry i adds activation j where bit j of i is set and subtracts it otherwise; the last one of
    a group is always subtracted. x: m × k whole numbers; a last group is filled up with zeros.
    """
    _check(group, 1)
    rows = _whole(x, "activations")
    padded = np.pad(rows, ((0, 0), (0, -rows.shape[1] % group)))
    signs = 2 * (np.arange(2 ** (group - 1))[:, None] >> np.arange(group) & 1) - 1
    sums: Ints = padded.reshape(len(rows), -1, group) @ signs.T
    return sums


def lut_gemm(x: npt.ArrayLike, codes: npt.ArrayLike, bits: int, group: int = 4) -> Ints:
    """Σ_k x[m, k]·codes[n, k] without a multiplication by a weight, exactly: m × n.

    x: m × k whole numbers, such as int8 activations. codes: n × k weights in 0 to 2^bits − 1; a
    weight scale·(code − zero) then costs one product per output and Σ x per row. Raises
    InputError for other shapes, codes out of range, bits or groups outside 1 to 8.
    """
    _check(group, bits)
    rows, weights = _whole(x, "activations"), _whole(codes, "codes")
    if rows.shape[1] != weights.shape[1]:
        raise InputError(
            "activations and codes differ in k", got=weights.shape, expected=rows.shape
        )
    if weights.size and not (weights.min() >= 0 and weights.max() < 2**bits):
        got = f"{weights.min()} to {weights.max()}"
        raise InputError("codes out of range", got=got, expected=f"0 to {2**bits - 1}")
    table = tables(rows, group)
    padded = np.pad(weights, ((0, 0), (0, -weights.shape[1] % group)))
    sums = sum(_plane(table, padded >> b & 1, group) << b for b in range(bits))
    product: Ints = (sums + (2**bits - 1) * rows.sum(axis=1)[:, None]) >> 1
    return product


def _plane(table: Ints, plane: Ints, group: int) -> Ints:
    """Look up the signed sums of one plane of bits, and add them over the groups."""
    index = plane.reshape(len(plane), -1, group) @ (1 << np.arange(group))
    flip = index >> (group - 1) & 1  # the last sign is +: look up the opposite, negate it
    index = np.where(flip, 2**group - 1 - index, index)
    sign = 1 - 2 * flip
    total = np.zeros((len(table), len(plane)), np.int64)
    for g in range(table.shape[1]):  # one group at a time: m × n × groups would not fit
        total += table[:, g, index[:, g]] * sign[:, g]
    return total


def lut_work(m: int, n: int, k: int, bits: int, group: int = 4) -> LutWork:
    """Work of `lut_gemm`. A table of 2^(K−1) entries is filled with one addition each after the
    first, which takes K − 1, in an order in which neighbours differ in one sign."""
    _check(group, bits)
    if min(m, n, k) < 1:
        raise InputError("a product needs sizes of at least 1", got=(m, n, k))
    groups, entries = -(-k // group), 2 ** (group - 1)
    lookups = m * n * groups * bits
    return LutWork(entries, m * groups * (entries - 1 + group - 1), lookups, lookups)


def _whole(x: npt.ArrayLike, what: str) -> Ints:
    array = np.asarray(x)
    if array.ndim != 2 or array.dtype.kind not in "iu":
        raise InputError(
            f"{what} are a matrix of whole numbers", got=f"{array.dtype} {array.shape}"
        )
    return array.astype(np.int64)


def _check(group: int, bits: int) -> None:
    if not (1 <= group <= MAX_GROUP and 1 <= bits <= MAX_BITS):
        expected = f"1 to {MAX_GROUP} activations, 1 to {MAX_BITS} bits"
        raise InputError("no table for these sizes", got=(group, bits), expected=expected)
