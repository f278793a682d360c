"""One exponent per block: block floating point, and dynamic fixed point for a whole tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from picojoule.errors import InputError
from picojoule.formats.arrays import (
    CHUNK,
    Kernel,
    as_floats,
    block_sizes,
    finite,
    in_chunks,
    join,
    split,
)
from picojoule.formats.base import Codes, FormatBase, code_dtype
from picojoule.formats.float_round import layout_of

__all__ = ["SharedExponent"]


@dataclass(frozen=True, slots=True)
class SharedExponent(FormatBase):
    """Signed integers of `mantissa` bits, times a power of two that each block shares.

    block: neighbours along `axis` that share an exponent; None for the whole tensor, which is
    dynamic fixed point. The exponent is ⌊log2 of the largest magnitude⌋, kept within
    ±(2^(exponent-1) - 1); the step is 2^(that - mantissa + 2), so 8 bits with block 32 are
    MXINT8. Mantissas are symmetric, round to nearest, ties to even, and saturate: at most the
    largest value of a block, by half a step, unless it lies above the exponents' range. What
    lies below that range becomes 0.
    Raises InputError outside 2..22 mantissa or 2..10 exponent bits, and where blocks don't
    divide the axis.
    """

    mantissa: int = 8
    block: int | None = 32
    exponent: int = 8
    axis: int = -1

    def __post_init__(self) -> None:
        positive = self.block is None or self.block >= 1
        if not (2 <= self.mantissa <= 22 and 2 <= self.exponent <= 10 and positive):
            raise InputError(
                "not a shared-exponent format",
                got=f"{self.mantissa}-bit mantissa, {self.exponent}-bit exponent, "
                f"blocks of {self.block}",
                expected="2..22 and 2..10 bits, and at least 1 element per block",
            )

    @property
    def name(self) -> str:
        """'bfp8b32' for blocks of 32; 'dfp16' for a whole tensor."""
        kind = f"dfp{self.mantissa}" if self.block is None else f"bfp{self.mantissa}b{self.block}"
        return kind if self.exponent == 8 else f"{kind}e{self.exponent}"

    def bits_per_element(self, shape: Sequence[int] = ()) -> float:
        """The mantissa and a share of the exponent; without it for block None and shape ()."""
        size = self.block if not shape else block_sizes(shape, self.block, self.axis)
        return self.mantissa + (self.exponent / size if size else 0.0)

    def encode(self, x: ArrayLike) -> Codes:
        """Signed mantissas; shared: exponents of the step, int16 (..., blocks)."""
        a = finite(x)
        parts = split(a.astype(np.float64), self.block, self.axis)
        top = np.frexp(np.max(np.abs(parts), axis=-1, initial=0))[1] - 1
        shift = np.clip(top, -self._top, self._top).astype(np.int16) - self.mantissa + 2
        largest = (1 << (self.mantissa - 1)) - 1
        rounded = np.rint(np.ldexp(parts, -shift[..., None].astype(np.int64)))
        codes = np.clip(rounded, -largest, largest)
        codes = codes.astype(code_dtype(self.mantissa, signed=True))
        return Codes(join(codes, a.shape, self.block, self.axis), (shift,))

    def decode(self, codes: Codes) -> NDArray[Any]:
        """float32 for exponents of up to 8 bits, else float64."""
        parts = split(codes.values, self.block, self.axis).astype(np.float64)
        values = np.ldexp(parts, codes.shared[0][..., None].astype(np.int64))
        values = values.astype(np.float32 if self.exponent <= 8 else np.float64)
        return join(values, codes.values.shape, self.block, self.axis)

    def quantize(self, x: ArrayLike) -> NDArray[Any]:
        """Rounds on the bit patterns, a cache's worth of blocks at a time."""
        a = as_floats(x, single=self.exponent <= 8)
        parts = np.ascontiguousarray(split(a, self.block, self.axis))
        size = max(parts.shape[-1], 1)
        if size <= CHUNK:
            chunk = CHUNK // size * size
            out = in_chunks(parts, a.dtype, self._kernel(size, a), chunk=chunk, check=False)
        else:
            rows = parts.reshape(-1, size)
            out = np.stack([in_chunks(r, a.dtype, self._kernel_of(r), original=a) for r in rows])
        return join(out.reshape(parts.shape), a.shape, self.block, self.axis)

    @property
    def _top(self) -> int:
        """The largest shared exponent; the least is its negative."""
        return (1 << (self.exponent - 1)) - 1

    def _kernel(self, size: int, original: NDArray[Any]) -> Kernel:
        """For chunks of whole blocks. Raises InputError if one is not finite."""

        def kernel(x: NDArray[Any], out: NDArray[Any], scratch: NDArray[Any]) -> None:
            top = _block_max(x, size, out, scratch)
            if top.max() >= layout_of(x).infinity:  # no further pass for this check
                finite(original)
            self._round(x, out, scratch, top)

        return kernel

    def _kernel_of(self, row: NDArray[Any]) -> Kernel:
        """For chunks of one block that is larger than a chunk."""
        top = np.maximum(row.max(), -row.min()).reshape(1).view(layout_of(row).integer)
        return lambda x, out, scratch: self._round(x, out, scratch, top)

    def _round(
        self, x: NDArray[Any], out: NDArray[Any], scratch: NDArray[Any], top: NDArray[Any]
    ) -> None:
        """Rounds x, which is top.size blocks; top: the bit patterns of their largest values."""
        layout, bits = layout_of(x), self.mantissa - 2
        exponent = np.clip(top >> layout.mantissa, layout.bias - self._top, layout.bias + self._top)
        if int(exponent.max()) + layout.mantissa - bits > 2 * layout.bias:
            # Values near the largest float32: what is added to round them would overflow.
            wide = np.empty((2, x.size))
            top = top.view(layout.dtype).astype(np.float64).view(np.int64)
            self._round(x.astype(np.float64), wide[0], wide[1], top)
            out[...] = wide[0]
            return
        exponent = exponent.astype(layout.integer) << layout.mantissa
        shifter = (exponent + layout.integer(layout.shifter(bits))).view(layout.dtype)
        scratch.reshape(top.size, -1)[...] = shifter[:, None]
        np.add(x, scratch, out=out)
        np.subtract(out, scratch, out=out)
        self._saturate(out.reshape(top.size, -1), shifter, top.view(layout.dtype))

    def _saturate(self, out: NDArray[Any], shifter: NDArray[Any], top: NDArray[Any]) -> None:
        """Clips the few blocks whose largest value was rounded up to 2^(mantissa - 1) steps."""
        largest = (1 << (self.mantissa - 1)) - 1
        per_step = 1.5 * 2.0 ** layout_of(out).mantissa
        # The quarter makes up for rounding: rounded up are those from a half on.
        rows = (top > shifter * out.dtype.type((largest + 0.25) / per_step)).nonzero()[0]
        limit = shifter[rows, None].astype(np.float64) / per_step * largest
        out[rows] = np.clip(out[rows], -limit, limit)


def _block_max(
    x: NDArray[Any], size: int, out: NDArray[Any], scratch: NDArray[Any]
) -> NDArray[Any]:
    """Bit patterns of the largest magnitude of each `size` neighbours.

    Without their signs, bit patterns have the order of the magnitudes. Halving is faster than
    reducing short rows; it goes back and forth between `scratch` and `out`.
    """
    layout = layout_of(x)
    integer = layout.integer
    here, there = scratch.view(integer), out.view(integer)
    np.bitwise_and(x.view(integer), integer(layout.magnitude_mask), out=here)
    while size % 2 == 0:
        half = here.size // 2
        np.maximum(here[::2], here[1::2], out=there[:half])
        here, there, size = there[:half], here, size // 2
    return here.copy() if size == 1 else here.reshape(-1, size).max(axis=1)
