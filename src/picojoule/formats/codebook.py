"""A codebook: a few values shared by the tensor, and codes that may be entropy coded."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from picojoule.errors import InputError
from picojoule.formats.arrays import finite, nearest
from picojoule.formats.base import Arithmetic, Codes, Format, FormatBase, code_dtype
from picojoule.formats.float import FP32

__all__ = ["Codebook", "huffman_lengths"]


@dataclass(frozen=True, slots=True)
class Codebook(FormatBase):
    """`size` values found by k-means, one set per tensor (Deep Compression, arXiv 1510.00149).

    coding: 'fixed' has ⌈log2 size⌉ bits per code, 'huffman' a prefix code, 'entropy' the bound
    that an ideal coder reaches. Their length depends on how often each code occurs:
    `seen(codes)` is this format with those frequencies; without them all are taken as equal.
    entry: the format of the codebook itself. Numbers are looked up before they are multiplied, so
    this saves storage only. Raises InputError outside 1..65536 entries.
    """

    size: int
    coding: Literal["fixed", "huffman", "entropy"] = "fixed"
    entry: Format = FP32
    frequencies: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.size <= 1 << 16:
            raise InputError("not a codebook", got=f"{self.size} entries", expected="1..65536")
        if self.coding not in ("fixed", "huffman", "entropy"):
            raise InputError("unknown coding", got=self.coding, expected="fixed, huffman, entropy")
        if self.frequencies is not None and len(self.frequencies) != self.size:
            raise InputError(
                "one frequency per entry", got=len(self.frequencies), expected=self.size
            )

    @property
    def name(self) -> str:
        """'codebook16', 'codebook16_huffman'."""
        return f"codebook{self.size}{'' if self.coding == 'fixed' else '_' + self.coding}"

    @property
    def arithmetic(self) -> Arithmetic:
        """That of the entries."""
        return self.entry.arithmetic

    def bits_per_element(self, shape: Sequence[int] = ()) -> float:
        """The mean code, and a share of the codebook where shape is given."""
        elements = math.prod(shape) if shape else 0
        book = self.size * self.entry.bits_per_element() / elements if elements else 0.0
        return self._code_bits() + book

    def seen(self, codes: Codes) -> Codebook:
        """This format with the frequencies of `codes`, so that bits_per_element is theirs."""
        counts = np.bincount(codes.values.ravel(), minlength=self.size)
        return replace(self, frequencies=tuple((counts / max(counts.sum(), 1)).tolist()))

    def encode(self, x: ArrayLike) -> Codes:
        """Indices of the nearest entries, ascending; shared: the entries, (size,).

        A tensor of at most `size` different values is stored exactly, if `entry` holds them.
        """
        a = finite(x)
        centres = _k_means(np.sort(a, axis=None), self.size)
        entries = self.entry.decode(self.entry.encode(centres))
        index = nearest(entries.astype(np.float64), a)
        return Codes(index.astype(code_dtype(max((self.size - 1).bit_length(), 1))), (entries,))

    def decode(self, codes: Codes) -> NDArray[Any]:
        """The entries; float32 where they are."""
        entries: NDArray[Any] = codes.shared[0]
        return np.asarray(entries[codes.values])

    def _code_bits(self) -> float:
        if self.coding == "fixed":
            return float((self.size - 1).bit_length())
        p = self.frequencies or (1 / self.size,) * self.size
        if self.coding == "huffman":
            return math.fsum(a * b for a, b in zip(p, huffman_lengths(p), strict=True))
        return -math.fsum(f * math.log2(f) for f in p if f > 0) or 0.0


def huffman_lengths(frequencies: Sequence[float]) -> list[int]:
    """The length in bits of each symbol's code; 0 for symbols that don't occur.

    Huffman (1952). A lone symbol still needs one bit.
    """
    lengths = [0] * len(frequencies)
    heap = [(f, i, [i]) for i, f in enumerate(frequencies) if f > 0]
    heapq.heapify(heap)
    if len(heap) == 1:
        lengths[heap[0][1]] = 1
    while len(heap) > 1:
        (f, _, left), (g, tie, right) = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in left + right:
            lengths[symbol] += 1
        heapq.heappush(heap, (f + g, tie, left + right))
    return lengths


def _k_means(x: NDArray[Any], size: int) -> NDArray[Any]:
    """`size` ascending centres of the sorted `x`, by Lloyd's rule from evenly spaced ones.

    Even spacing keeps the rare large weights, which matter most (Deep Compression, section 3.2).
    """
    if not x.size:
        return np.zeros(size, x.dtype)
    different = x[np.concatenate([[True], x[1:] > x[:-1]])]
    if different.size <= size:
        return np.pad(different, (0, size - different.size), mode="edge")
    sums = np.concatenate([[0.0], np.cumsum(x, dtype=np.float64)])
    centres = np.linspace(x[0], x[-1], size, dtype=np.float64)
    for _ in range(100):
        ends = np.searchsorted(x, (centres[1:] + centres[:-1]) / 2, side="right")
        edges = np.concatenate([[0], ends, [x.size]])
        count = np.diff(edges)
        means = np.diff(sums[edges]) / np.maximum(count, 1)
        moved = np.where(count > 0, means, centres)
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres.astype(x.dtype)
