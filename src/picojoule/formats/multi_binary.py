"""Sums of scaled binary codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from picojoule.errors import InputError
from picojoule.formats.arrays import block_sizes, finite, join, split
from picojoule.formats.base import Arithmetic, Codes, Format, FormatBase
from picojoule.formats.float import FP32

__all__ = ["MultiBinary"]


@dataclass(frozen=True, slots=True)
class MultiBinary(FormatBase):
    """x ≈ Σ α_k b_k with `terms` binary codes b_k and scales α_k that a block shares.

    alphabet 'signs', b = ±1: α_1 = mean|x|, b_1 = sign(x), and so on with what is left (XNOR-Net
    for one term, BinaryDM, arXiv 2404.05662, for two). alphabet 'bits', b = 0 or 1, two terms:
    levels -s, 0, s, 2s with α = (2s, -s) and s = 1.05 · RMS, which is the best for Gaussian
    weights (DB-LLM, arXiv 2402.11960).

    block: elements along `axis` with the same scales; None for the whole tensor, the length of
    the axis for one set of scales per row. scale: the format in which scales are stored. The sign
    of 0 is +1. Raises InputError outside 1..8 terms, and where blocks don't divide the axis.
    """

    terms: int = 1
    block: int | None = None
    axis: int = -1
    alphabet: Literal["signs", "bits"] = "signs"
    scale: Format = FP32

    def __post_init__(self) -> None:
        if not (1 <= self.terms <= 8 and (self.block is None or self.block >= 1)):
            raise InputError(
                "not a sum of binary codes",
                got=f"{self.terms} terms, blocks of {self.block}",
                expected="1..8 terms and at least 1 element per block",
            )
        if self.alphabet not in ("signs", "bits") or (self.alphabet == "bits" and self.terms != 2):
            raise InputError(
                "no such binary code",
                got=f"alphabet {self.alphabet!r} with {self.terms} terms",
                expected="'signs', or 'bits' with 2 terms",
            )

    @property
    def name(self) -> str:
        """'binary1', 'binary2', 'binary2_bits'."""
        return f"binary{self.terms}{'_bits' if self.alphabet == 'bits' else ''}"

    @property
    def arithmetic(self) -> Arithmetic:
        """A sign per term; the scales are applied once per block."""
        return Arithmetic.SIGN

    def bits_per_element(self, shape: Sequence[int] = ()) -> float:
        """A bit per term, and the scales; without them if blocks are tensors and shape is ()."""
        size = self.block if not shape else block_sizes(shape, self.block, self.axis)
        scales = self.scale.bits_per_element() / size if size else 0.0
        return self.terms * (1 + scales)

    def encode(self, x: ArrayLike) -> Codes:
        """uint8 with bit k set where b_(k+1) is 1; shared: the scales, (..., blocks, terms)."""
        a = finite(x)
        parts = split(a.astype(np.float64), self.block, self.axis)
        fit = _fit_signs if self.alphabet == "signs" else _fit_bits
        codes, scales = fit(parts, self)
        return Codes(join(codes, a.shape, self.block, self.axis), (scales,))

    def decode(self, codes: Codes) -> NDArray[Any]:
        """float32."""
        bits = split(codes.values, self.block, self.axis)
        total = np.zeros(bits.shape)
        for k in range(self.terms):
            b = (bits >> k & 1).astype(np.float64)
            b = 2 * b - 1 if self.alphabet == "signs" else b
            total += b * codes.shared[0][..., k, None]
        return join(total.astype(np.float32), codes.values.shape, self.block, self.axis)


def _fit_signs(x: NDArray[Any], fmt: MultiBinary) -> tuple[NDArray[Any], NDArray[Any]]:
    rest, codes, scales = x, np.zeros(x.shape, np.uint8), []
    for k in range(fmt.terms):
        scale = fmt.scale.quantize(_mean(np.abs(rest)))
        codes |= (rest >= 0).astype(np.uint8) << k
        rest = rest - np.where(rest >= 0, scale[..., None], -scale[..., None])
        scales.append(scale)
    return codes, np.stack(scales, axis=-1)


def _fit_bits(x: NDArray[Any], fmt: MultiBinary) -> tuple[NDArray[Any], NDArray[Any]]:
    step = fmt.scale.quantize(1.05 * np.sqrt(_mean(x * x)))
    s = step[..., None]
    # b_1 = H(w - (α_1 + α_2)/2), b_2 = H(α_1 b_1 + α_2/2 - w), α = (2s, -s)
    first = x > s / 2
    second = x < np.where(first, 2 * s, 0) - s / 2
    return first + 2 * second.astype(np.uint8), np.stack([2 * step, -step], axis=-1)


def _mean(x: NDArray[Any]) -> NDArray[Any]:
    """Over the last axis; 0 of an empty block."""
    mean: NDArray[Any] = x.sum(axis=-1) / max(x.shape[-1], 1)
    return mean
