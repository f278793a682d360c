"""What a training run used, from what its authors say: chips, hours, watts and PUE."""

from __future__ import annotations

import math

from picojoule.errors import InputError

__all__ = ["carbon_g", "training_energy_j"]


def training_energy_j(chips: float, power_w: float, time_s: float, pue: float = 1.0) -> float:
    """chips x power x time x PUE: Patterson et al. 2021 (arXiv 2104.10350), HELM's training
    efficiency. power_w: mean, or TDP as an upper bound.

    Raises InputError for a negative number, or a PUE below 1.
    """
    if not all(0 <= x < math.inf for x in (chips, power_w, time_s)):
        raise InputError("not a training run", got=f"{chips:g} chips, {power_w:g} W, {time_s:g} s",
                         expected="numbers of at least 0")  # fmt: skip
    if not 1 <= pue < math.inf:
        raise InputError("not a PUE", got=f"{pue:g}", expected="1 or more")
    return chips * power_w * time_s * pue


def carbon_g(energy_j: float, intensity_g_per_kwh: float) -> float:
    """Grams of CO2e."""
    return energy_j / 3.6e6 * intensity_g_per_kwh
