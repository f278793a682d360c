"""What making the hardware cost, and the share of it that the work must bear.

share = time / (lifetime x utilisation): ISO/IEC 21031 (SCI), TS x RS, with the time that the
hardware idles charged to the time that it works.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from picojoule.carbon.amounts import known, times, unavailable
from picojoule.carbon.line import INDICATORS, Indicator, Line
from picojoule.carbon.tables import Factors
from picojoule.errors import InputError
from picojoule.quantity import Quantity

__all__ = ["made"]


def made(
    device: str | None, devices: float, time: Quantity, lifetime_s: float, utilisation: float,
    factors: Factors,
) -> list[Line]:  # fmt: skip
    """Lines for the devices, and for their share of the machine that holds them.

    device: a name of the hardware tables, or None where nothing says what ran the work. time:
    seconds that the devices were in use. A part without a published factor is unavailable.
    Raises InputError for a lifetime, utilisation or number of devices that is not above 0.
    """
    _check(devices, lifetime_s, utilisation)
    per_s = devices / (lifetime_s * utilisation)
    lines = [_line(i, "device", device, per_s, time, factors) for i in _counted()]
    host = factors.hosts.get(device) if device else None
    if host is not None:
        share = per_s / host.devices
        lines += [_line(i, "its host", host.name, share, time, factors) for i in _counted()]
    return lines


def _counted() -> Iterator[Indicator]:
    return (i for i in INDICATORS if i.hardware is not None)


def _line(
    indicator: Indicator, part: str, device: str | None, per_s: float, time: Quantity,
    factors: Factors,
) -> Line:  # fmt: skip
    name, unit = indicator.name, indicator.unit
    factor = factors.of(str(indicator.hardware), device) if device else None
    if device is None:
        missing = "no device was stated"
    elif factor is None:
        missing = f"no {indicator.hardware} factor for {device}"
    elif not known(time):
        missing = "how long the device was in use is not known"
    else:
        share = per_s * time.value
        how = f"{share:.3g} lives of {factor.title}"
        quantity = times(unit, indicator.per_device * per_s, time, factor.quantity)
        return Line(name, part, "making", quantity, how, factor=factor)
    return Line(name, part, "making", unavailable(unit), missing=missing, factor=factor)


def _check(devices: float, lifetime_s: float, utilisation: float) -> None:
    if not 0 < devices < math.inf:
        raise InputError("not a number of devices", got=f"{devices:g}", expected="above 0")
    if not 0 < lifetime_s < math.inf:
        raise InputError("a device must live", got=f"{lifetime_s:g} s", expected="above 0, as 4y")
    if not 0 < utilisation <= 1:
        raise InputError("not a utilisation", got=f"{utilisation:g}", expected="above 0, at most 1")
