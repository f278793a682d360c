"""What published figures imply about each other: arithmetic to check them, and to fill a gap.

Each is exact and has no constant of its own. A figure that comes out of one is as good as those
that go in.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from picojoule.errors import InputError

__all__ = ["bytes_per_token", "implied_power_w", "streaming_s", "unit_factors"]


def bytes_per_token(tokens_s: float, bandwidth_b_s: float, share: float) -> float:
    """Bytes that a decoder bound by its memory reads per token: share × bandwidth / rate."""
    _positive(tokens_s=tokens_s, bandwidth_b_s=bandwidth_b_s, share=share)
    if share > 1:
        raise InputError("a share of a bandwidth can't exceed 1", got=share)
    return share * bandwidth_b_s / tokens_s


def streaming_s(bytes_read: float, channels: int, banks: int, bank_b_s: float) -> float:
    """Seconds to read `bytes_read` with all banks of all channels at once, each at `bank_b_s`."""
    _positive(bytes_read=bytes_read, channels=channels, banks=banks, bank_b_s=bank_b_s)
    return bytes_read / (channels * banks * bank_b_s)


def implied_power_w(reference_w: float, speed_up: float, energy_ratio: float) -> float:
    """Power of a machine that is `speed_up` times as fast as a reference of `reference_w`, on
    1/`energy_ratio` of its energy: P = P_ref × speed_up / energy_ratio."""
    _positive(reference_w=reference_w, speed_up=speed_up, energy_ratio=energy_ratio)
    return reference_w * speed_up / energy_ratio


def unit_factors(
    energy_j: npt.ArrayLike, power_w: npt.ArrayLike, time_s: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """By what each row's time must be multiplied for E = P·t: 1 where the units agree.

    A factor within 5% of a power of ten is that power, which is what a mixed unit looks like
    (s and ms in one column); any other disagreement is NaN. Raises InputError for columns of
    different length or numbers that are not above 0.
    """
    columns = [np.asarray(c, float) for c in (energy_j, power_w, time_s)]
    if any(c.ndim != 1 or c.shape != columns[0].shape for c in columns):
        raise InputError("columns of one length", got=[c.shape for c in columns])
    if not all(np.all(np.isfinite(c) & (c > 0)) for c in columns):
        raise InputError("energies, powers and times are above 0")
    energy, power, time = columns
    ratio = energy / (power * time)
    power_of_ten = 10.0 ** np.rint(np.log10(ratio))
    return np.where(np.abs(ratio / power_of_ten - 1) <= 0.05, power_of_ten, np.nan)


def _positive(**numbers: float) -> None:
    for name, value in numbers.items():
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"{name} is not possible", got=value, expected="a number above 0")
