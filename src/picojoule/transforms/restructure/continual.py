"""A temporal convolution stack that takes one step at a time and gives what the clip would.

Each layer keeps its last k−1 inputs; a step computes one output column instead of the whole clip
(Continual Inference Networks, Hedegaard & Iosifidis, arXiv 2204.03418).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from picojoule.errors import InputError

__all__ = ["Temporal", "clip", "clip_macs", "receptive_field", "step_macs", "stream"]

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Temporal:
    """A convolution over time without padding. weight: (out, in, k)."""

    weight: Floats
    activation: Callable[[Floats], Floats] = lambda x: np.maximum(x, 0.0)

    @property
    def state(self) -> int:
        """Values kept between steps: in × (k − 1)."""
        return int(self.weight.shape[1] * (self.weight.shape[2] - 1))


def receptive_field(layers: Sequence[Temporal]) -> int:
    """Steps of input that one output sees."""
    return 1 + sum(int(layer.weight.shape[2]) - 1 for layer in layers)


def clip(layers: Sequence[Temporal], x: Floats) -> Floats:
    """The whole clip at once: x (time, in) -> (time − receptive field + 1, out)."""
    if len(x) < receptive_field(layers):
        raise InputError("the clip is shorter than the receptive field", got=len(x),
                         expected=f">= {receptive_field(layers)}")  # fmt: skip
    for layer in layers:
        k = layer.weight.shape[2]
        windows = np.lib.stride_tricks.sliding_window_view(x, k, axis=0)  # (time, in, k)
        x = layer.activation(np.einsum("tik,oik->to", windows, layer.weight))
    return x


def stream(layers: Sequence[Temporal], x: Floats) -> Floats:
    """The same outputs from steps: each computes only what is new."""
    kept: list[list[Floats]] = [[] for _ in layers]
    out = []
    for step in x:
        column: Floats | None = step
        for layer, past in zip(layers, kept, strict=True):
            column = _next(layer, past, column)
        if column is not None:
            out.append(column)
    return np.array(out)


def _next(layer: Temporal, past: list[Floats], column: Floats | None) -> Floats | None:
    """One layer's next output, or None until it has seen enough; `past` is its memory."""
    if column is None:
        return None
    past.append(column)
    if len(past) < layer.weight.shape[2]:
        return None
    out = layer.activation(np.einsum("ki,oik->o", np.array(past), layer.weight))
    past.pop(0)
    return out


def clip_macs(layers: Sequence[Temporal], length: int) -> int:
    """Multiply-accumulates of a clip of `length` steps."""
    macs = 0
    for layer in layers:
        length -= layer.weight.shape[2] - 1
        macs += layer.weight.size * length
    return macs


def step_macs(layers: Sequence[Temporal]) -> int:
    """Multiply-accumulates of one step."""
    return sum(layer.weight.size for layer in layers)
