"""Link: seconds and joules of bytes on their way, and when sending beats computing."""

from __future__ import annotations

import math
from dataclasses import dataclass

from picojoule.errors import InputError

__all__ = ["Link", "crossover_bit_s"]


@dataclass(frozen=True, slots=True)
class Link:
    """bit_s: bandwidth. joule_per_bit: of both ends. latency_s: of the first bit.

    Raises InputError for a bandwidth that is not above 0, negative energy or latency.
    """

    bit_s: float
    joule_per_bit: float
    latency_s: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.bit_s < math.inf:
            raise InputError(
                "a link needs a bandwidth",
                got=f"{self.bit_s} bit/s",
                expected="a finite number above 0",
                fix="leave out a link that can't send",
            )
        if not (0 <= self.joule_per_bit < math.inf and 0 <= self.latency_s < math.inf):
            raise InputError(
                "joule_per_bit or latency_s is not possible",
                got=(self.joule_per_bit, self.latency_s),
                expected="finite numbers, 0 or more",
            )

    @classmethod
    def sending_at(cls, power_w: float, bit_s: float, latency_s: float = 0.0) -> Link:
        """A radio that draws power_w while it sends: power_w/bit_s joules a bit."""
        return cls(bit_s, power_w / bit_s if bit_s > 0 else math.nan, latency_s)

    def time_s(self, size_b: float) -> float:
        """Seconds until the last of size_b bytes is there."""
        return self.latency_s + 8 * size_b / self.bit_s

    def energy_j(self, size_b: float) -> float:
        """Joules to send size_b bytes."""
        return 8 * size_b * self.joule_per_bit


def crossover_bit_s(
    stay_j: float, split_j: float, stay_b: float, split_b: float, power_w: float
) -> float:
    """The bandwidth at which two ways to split a model cost a device the same energy.

    Each costs joules of computing and sends bytes with a radio of power_w: stay_j + 8 stay_b
    power_w/R = split_j + 8 split_b power_w/R, solved for R in bit/s. Above it the one that sends
    more bytes costs less. NaN where one of the two costs less at any bandwidth.
    """
    if power_w <= 0:
        raise InputError("a radio that sends draws power", got=f"{power_w} W", expected="above 0")
    more_b, less_j = split_b - stay_b, stay_j - split_j
    if more_b * less_j <= 0:
        return math.nan
    return 8 * more_b * power_w / less_j
