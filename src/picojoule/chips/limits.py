"""How far from physics: the Landauer limit, and superconducting logic with its refrigerator."""

from __future__ import annotations

import math

from picojoule.errors import InputError
from picojoule.quantity import Evidence, Quantity, format_si

__all__ = ["BOLTZMANN_J_K", "FLUX_QUANTUM_WB", "fluxon_j", "landauer", "landauer_line", "sfq"]

BOLTZMANN_J_K = 1.380649e-23  # exact by definition of the kelvin, SI 2019
FLUX_QUANTUM_WB = 2.067833848e-15  # h / 2e, CODATA 2018


def landauer(bits: float, temperature_k: float = 300.0) -> float:
    """The least joules that erasing `bits` dissipates: bits × k T ln 2, 2.871e-21 J each at 300 K.

    Raises InputError for a negative count or a temperature that is not above 0.
    """
    if not (math.isfinite(bits) and bits >= 0):
        raise InputError("not a number of bits", got=bits, expected="≥ 0")
    if not (math.isfinite(temperature_k) and temperature_k > 0):
        raise InputError("not a temperature", got=f"{temperature_k} K", expected="above 0 K")
    return bits * BOLTZMANN_J_K * temperature_k * math.log(2)


def landauer_line(energy_j: float, bits: float, temperature_k: float = 300.0) -> str:
    """A line of a report: how many times the least energy was used.

    bits: erased; a multiply-accumulate that overwrites a sum of b bits erases b. Raises InputError
    as `landauer` does, and for no bits.
    """
    least = landauer(bits, temperature_k)
    if least == 0 or not math.isfinite(energy_j):
        raise InputError("no distance to the Landauer limit", got=(energy_j, bits))
    used = format_si(energy_j, "J")
    return (
        f"{used} is {energy_j / least:.3g} times the Landauer limit of {bits:.3g} bits at "
        f"{temperature_k:g} K ({least:.3g} J)"
    )


def fluxon_j(critical_current_a: float = 1e-4) -> float:
    """Joules of one switching Josephson junction, I_c × Φ0: 2.07e-19 J at 0.1 mA (Likharev and
    Semenov, 1991). Raises InputError for a current that is not above 0."""
    if not (math.isfinite(critical_current_a) and critical_current_a > 0):
        raise InputError("not a critical current", got=critical_current_a, expected="above 0 A")
    return critical_current_a * FLUX_QUANTUM_WB


def sfq(switches: float, critical_current_a: float = 1e-4, cooling_w_w: float = 400.0) -> Quantity:
    """Joules at the plug of single-flux-quantum logic: switches × I_c Φ0 × (1 + cooling).

    cooling_w_w: watts of refrigeration per watt at 4 K; the interval is 300 to 1000, large plant
    to small cooler, and at least holds the value; Carnot alone asks for 70. Bias resistors of
    conventional RSFQ, which dissipate more than the switching, are not in it. Raises InputError
    for a negative count or cooling.
    """
    if not (math.isfinite(switches) and switches >= 0 and 0 <= cooling_w_w < math.inf):
        raise InputError("not a cooled circuit", got=(switches, cooling_w_w), expected="≥ 0")
    cold_j = switches * fluxon_j(critical_current_a)
    low, high = min(300.0, cooling_w_w), max(1000.0, cooling_w_w)
    value, low, high = (cold_j * (1 + c) for c in (cooling_w_w, low, high))
    return Quantity(value, low, high, "J", Evidence.ASSUMED)
