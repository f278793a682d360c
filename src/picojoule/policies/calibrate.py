"""Thresholds that make exits as frequent as asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from picojoule.errors import InputError

__all__ = ["exit_thresholds", "exits"]


def exits(signal: NDArray[Any], thresholds: NDArray[Any]) -> NDArray[np.intp]:
    """The exit that each sample takes: the first whose signal is at most its threshold.

    signal: (samples, exits), lower where the answer is surer or has settled. thresholds: (exits,);
    the last is not looked at, since whoever gets there exits.
    """
    out = np.asarray(signal) <= thresholds
    out[:, -1] = True
    return np.asarray(out.argmax(axis=1))


def exit_thresholds(signal: NDArray[Any], shares: Sequence[float]) -> NDArray[np.float64]:
    """Thresholds (exits,) at which a share of the samples leaves at each exit.

    signal: as in `exits`, of calibration data. Exit by exit, the threshold is the value of the
    last of the samples still there that are to leave (DeeR-VLA, arXiv 2411.02359, its released
    calibration). Raises InputError if the shares don't add up to 1 or don't fit the exits.
    """
    samples, count = np.asarray(signal).shape
    if len(shares) != count or min(shares) < 0 or not np.isclose(sum(shares), 1.0):
        raise InputError(
            "shares of exits must be one an exit and add up to 1", got=list(shares), expected=count
        )
    left = np.asarray(signal, float)
    thresholds = np.full(count, -np.inf)
    for k in range(count - 1):
        leave = min(int(samples * shares[k]), len(left))
        if leave:
            thresholds[k] = np.partition(left[:, k], leave - 1)[leave - 1]
        left = left[left[:, k] > thresholds[k]]
    thresholds[-1] = np.inf
    return thresholds
