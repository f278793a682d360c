"""A quantiser: Format × ScaleRule × Granularity × Rounding × Estimator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from picojoule.errors import InputError
from picojoule.formats import FP16, Codes, FixedGrid, Format
from picojoule.formats.arrays import finite
from picojoule.transforms.quantize.estimator import Estimator, identity
from picojoule.transforms.quantize.granularity import Granularity, Tensor
from picojoule.transforms.quantize.outputs import Outputs, gram
from picojoule.transforms.quantize.rounding import Rounding, nearest
from picojoule.transforms.quantize.scale import Scale, ScaleRule, minmax

__all__ = ["Encoded", "Quantizer", "Subset", "When"]

Array = NDArray[Any]
When = Literal["static", "dynamic", "learned"]


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A quantised array as it is stored: the format's codes, and the scale of each part."""

    codes: Codes
    scale: Scale | None
    values: Array


@dataclass(frozen=True, slots=True)
class Quantizer:
    """How an array becomes numbers of `format`.

    when: 'static' fits the scale once, 'dynamic' to every array that comes (per token, say),
    'learned' starts from the rule and trains it. estimator: the slope that gradients see in
    training; it never changes a value. Formats that find their own scales (MultiBinary,
    SharedExponent, Codebook) ignore rule and rounding; with parts other than the whole tensor,
    each part is a block of theirs. scale_format: how each scale is stored.
    """

    format: Format
    rule: ScaleRule = minmax
    granularity: Granularity = Tensor()  # noqa: RUF009  (frozen)
    rounding: Rounding = nearest
    estimator: Estimator = identity
    when: When = "static"
    scale_format: Format = FP16

    def fit(self, x: ArrayLike, inputs: ArrayLike | None = None) -> Scale | None:
        """The scale of each part of `x`; None for formats that have their own.

        inputs: of the layer, (samples, in), for rules and roundings on the output error of a
        weight matrix x (out, in). Raises InputError where x is not finite or parts don't fit.
        """
        if not isinstance(self.format, FixedGrid):
            return None
        a = finite(x)
        return self.rule(self.granularity.split(a), self.format, self._outputs(a, inputs))

    def encode(
        self, x: ArrayLike, scale: Scale | None = None, inputs: ArrayLike | None = None
    ) -> Encoded:
        """Codes, scales and values. `scale`: from an earlier `fit`, else it is fitted to x."""
        a = finite(x)
        if not isinstance(self.format, FixedGrid):
            return self._encode_blocks(a)
        rows = self.granularity.split(a)
        outputs = self._outputs(a, inputs)
        scale = scale or self.rule(rows, self.format, outputs)
        u = rows / scale.step + scale.zero
        q = self.rounding(u, self.format, outputs and replace(outputs, step=scale.step))
        codes = self.format.encode(self.granularity.join(q, a.shape))
        values = self.granularity.join((q - scale.zero) * scale.step, a.shape)
        return Encoded(codes, scale, values)

    def quantize(
        self, x: ArrayLike, scale: Scale | None = None, inputs: ArrayLike | None = None
    ) -> Array:
        """The values that `x` is stored as, in its shape."""
        return self.encode(x, scale, inputs).values

    def decode(self, encoded: Encoded) -> Array:
        """The values from codes and scales."""
        if encoded.scale is None:
            shape = encoded.values.shape
            return self._unblocked(self._blocks(shape).decode(encoded.codes), shape)
        q = self.format.decode(encoded.codes)
        rows = (self.granularity.split(q) - encoded.scale.zero) * encoded.scale.step
        return np.asarray(self.granularity.join(rows, q.shape))

    def bits_per_element(self, shape: Sequence[int]) -> float:
        """Stored bits per element of an array of `shape`, scales included, zero points too."""
        elements = int(np.prod(shape))
        if not isinstance(self.format, FixedGrid):
            fmt = self._blocks(shape)
            return fmt.bits_per_element(self._block_shape(shape))
        each = self.scale_format.bits_per_element()
        if self.format.limits[0] >= 0:
            each += self.format.bits_per_element()
        scales = self.granularity.parts(shape) * each
        return self.format.bits_per_element(shape) + scales / max(elements, 1)

    def _outputs(self, a: Array, inputs: ArrayLike | None) -> Outputs | None:
        if inputs is None:
            return None
        if a.ndim != 2:
            raise InputError("only a weight matrix has outputs", got=f"shape {a.shape}")
        return Outputs(gram(inputs), self.granularity, a.shape)

    def _encode_blocks(self, a: Array) -> Encoded:
        fmt = self._blocks(a.shape)
        codes = fmt.encode(self._blocked(a))
        return Encoded(codes, None, self._unblocked(fmt.decode(codes), a.shape))

    def _blocked(self, a: Array) -> Array:
        """A row per part; the array as it is where the format itself says what shares a scale."""
        whole = isinstance(self.granularity, Tensor)
        return a if whole else np.asarray(self.granularity.split(a))

    def _unblocked(self, values: Array, shape: Sequence[int]) -> Array:
        whole = isinstance(self.granularity, Tensor)
        return values if whole else np.asarray(self.granularity.join(values, shape))

    def _blocks(self, shape: Sequence[int]) -> Format:
        """The format with the parts as its blocks."""
        if isinstance(self.granularity, Tensor):
            return self.format
        if not hasattr(self.format, "block"):
            raise InputError(
                "this format has one set of shared values per tensor",
                got=f"{self.format.name} with {self.granularity}",
                expected="Tensor()",
            )
        return replace(self.format, block=self._block_shape(shape)[1], axis=-1)  # type: ignore[type-var]

    def _block_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        if isinstance(self.granularity, Tensor):
            return tuple(shape)
        parts = self.granularity.parts(shape)
        return parts, int(np.prod(shape)) // max(parts, 1)


@dataclass(frozen=True, slots=True)
class Subset:
    """Some outputs one way, the others another: `inside` for `indices` of axis 0.

    Raises InputError for indices that are not there, or occur twice.
    """

    indices: tuple[int, ...]
    inside: Quantizer
    outside: Quantizer

    def __post_init__(self) -> None:
        if len(set(self.indices)) != len(self.indices) or min(self.indices, default=0) < 0:
            raise InputError("indices of outputs are unique and not negative", got=self.indices)

    def masks(self, outputs: int) -> tuple[Array, Array]:
        """Which outputs are inside, and which outside: index arrays."""
        if max(self.indices, default=-1) >= outputs:
            raise InputError("no such output", got=max(self.indices), expected=f"0..{outputs - 1}")
        inside = np.isin(np.arange(outputs), self.indices)
        return np.flatnonzero(inside), np.flatnonzero(~inside)

    def quantize(self, x: ArrayLike, inputs: ArrayLike | None = None) -> Array:
        """The values that `x` is stored as, in its shape."""
        a = finite(x)
        out = np.empty_like(a, np.float64)
        parts = zip(self.masks(len(a)), (self.inside, self.outside), strict=True)
        for indices, quantizer in parts:
            if len(indices):
                out[indices] = quantizer.quantize(a[indices], inputs=inputs)
        return out.astype(np.result_type(a))

    def bits_per_element(self, shape: Sequence[int]) -> float:
        """The mean over both, without the list of indices: the outputs can be permuted."""
        inside, outside = (len(m) for m in self.masks(shape[0]))
        return (
            inside * self.inside.bits_per_element((max(inside, 1), *shape[1:]))
            + outside * self.outside.bits_per_element((max(outside, 1), *shape[1:]))
        ) / max(inside + outside, 1)
