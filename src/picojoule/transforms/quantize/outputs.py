"""What errors of a weight matrix do to the outputs of its layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from picojoule.errors import InputError
from picojoule.formats.arrays import finite
from picojoule.transforms.quantize.granularity import Granularity

__all__ = ["Outputs", "gram"]

Array = NDArray[Any]


def gram(inputs: ArrayLike) -> Array:
    """XᵀX / samples, (features, features), of inputs (samples, features).

    Raises InputError where they are not finite.
    """
    x = finite(inputs, single=False)
    if x.ndim != 2 or not len(x):
        raise InputError("inputs aren't [sample, feature]", got=f"shape {x.shape}")
    return x.T @ x / len(x)


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """The mean squared output error of a weight (out, in), split as `granularity` does.

    gram: XᵀX / samples of the inputs. step: the unit in which errors are given, (parts, 1).
    With D the errors in the weight's shape, the total is Σ D ⊙ (D · gram).
    Raises InputError where gram doesn't fit the weight.
    """

    gram: Array
    granularity: Granularity
    shape: tuple[int, int]
    step: Array | float = 1.0

    def __post_init__(self) -> None:
        if self.gram.shape != (self.shape[1], self.shape[1]):
            raise InputError(
                "the inputs don't fit the weight",
                got=f"{self.gram.shape[0]} features",
                expected=self.shape[1],
            )

    def cost(self, error: Array) -> Array:
        """Each part's share of the error, (parts,); `error` as (parts, elements)."""
        d = self._matrix(error)
        share: Array = self.granularity.split(d * (d @ self.gram)).sum(axis=1)
        return share

    def gradient(self, error: Array) -> Array:
        """Derivative of the total by each element of `error`, (parts, elements)."""
        rows: Array = self.granularity.split(2 * self._matrix(error) @ self.gram)
        return rows * self.step

    def _matrix(self, error: Array) -> Array:
        return np.asarray(self.granularity.join(error * self.step, self.shape))
