"""Memo: answers kept by a key of their input."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from picojoule.errors import InputError

__all__ = ["Memo", "exact_key", "mean_key"]


def exact_key(x: NDArray[Any]) -> Hashable:
    """Shape, type and bytes: equal for equal arrays alone."""
    x = np.ascontiguousarray(x)
    return (x.shape, x.dtype.str, x.tobytes())


def mean_key(x: NDArray[Any]) -> Hashable:
    """A bit a value: whether it is above the mean. Equal for alike inputs too, so it may err."""
    x = np.asarray(x)
    return (x.shape, np.packbits(x > x.mean()).tobytes())


class Memo:
    """Keeps the last `capacity` answers by last use. hits, asked: counts so far."""

    def __init__(self, capacity: int, key: Callable[[NDArray[Any]], Hashable] = exact_key) -> None:
        if capacity < 1:
            raise InputError("a memo must hold something", got=capacity, expected=">= 1")
        self.capacity, self.key = capacity, key
        self.hits = self.asked = 0
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()

    def __call__(self, x: NDArray[Any], answer: Callable[[NDArray[Any]], Any]) -> Any:
        """The kept answer for the key of x, else `answer(x)`, which is kept."""
        self.asked += 1
        key = self.key(x)
        if key in self._kept:
            self.hits += 1
        else:
            self._kept[key] = answer(x)
            if len(self._kept) > self.capacity:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    @property
    def hit_share(self) -> float:
        """Hits over questions; 0 before the first."""
        return self.hits / self.asked if self.asked else 0.0
