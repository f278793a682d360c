"""Dwell: a cheap stage watches; when it fires, a costly one takes over, but not for long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from picojoule.errors import InputError

__all__ = ["Dwell"]


@dataclass(frozen=True, slots=True)
class Dwell:
    """A state machine over windows of a stream (Cough-E: accelerometer, then microphone).

    The cheap stage looks at each window. When it fires, the costly stage looks at the same
    window, and goes on as long as it fires, for `most` windows in a row; then back.
    """

    most: int = 4

    def __post_init__(self) -> None:
        if self.most < 1:
            raise InputError("the costly stage needs a window", got=self.most, expected=">= 1")

    def runs(self, cheap: float, costly: float) -> tuple[float, float]:
        """Runs of the cheap and of the costly stage per window, in the long run.

        cheap, costly: probabilities that they fire, independent from window to window. From one
        return to the cheap stage to the next it runs 1/cheap times, and the costly one
        L = Σ_{i<most} costly^i times, over 1/cheap − 1 + L windows. Raises InputError for numbers
        that are no probabilities.
        """
        if not (0 <= cheap <= 1 and 0 <= costly <= 1):
            raise InputError("not probabilities", got=(cheap, costly), expected="0..1")
        length = sum(costly**i for i in range(self.most))
        windows = 1 - cheap + cheap * length  # both sides times `cheap`, which may be 0
        return 1 / windows, cheap * length / windows

    def follow(self, cheap: NDArray[Any], costly: NDArray[Any]) -> tuple[int, int]:
        """Runs of both over a stream. cheap, costly: (windows,) of whether each would fire."""
        watched = heard = in_a_row = 0
        for fires, confirms in zip(
            np.asarray(cheap).tolist(), np.asarray(costly).tolist(), strict=True
        ):
            if not in_a_row:
                watched += 1
                if not fires:
                    continue
            heard += 1
            in_a_row = in_a_row + 1 if confirms and in_a_row + 1 < self.most else 0
        return watched, heard
