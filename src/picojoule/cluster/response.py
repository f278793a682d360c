"""Operating points: what a clock lock, a power cap or a brake makes of a phase."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from scipy.optimize import brentq

from picojoule.cluster.config import Response
from picojoule.cluster.phases import PhaseTable

__all__ = ["FULL", "Effect", "Factors", "Setting", "effect", "factors"]

_LOWEST = 0.1  # of the top clock: where a cap can't be kept, a chip runs as slowly as this


@dataclass(frozen=True, slots=True)
class Setting:
    """What a policy sets on the chips of a group of servers; infinity is no limit.

    mhz: SM clock lock. decode_mhz: another lock during decode. short_mhz: another lock for the
    prefill of prompts of up to short_tokens. cap_w: power cap of one chip.
    """

    mhz: float = math.inf
    decode_mhz: float = math.inf
    short_mhz: float = math.inf
    short_tokens: int = 0
    cap_w: float = math.inf


FULL = Setting()
"""No limit."""


class Factors(NamedTuple):
    """On seconds, on dynamic joules, and on the watts above idle that clocks draw."""

    seconds: float
    joules: float
    clock: float


@dataclass(frozen=True, slots=True)
class Effect:
    """Factors at a Setting: of prefill, of a short prompt's prefill, and of decode.

    lag_s: time of a prefill before they act.
    """

    prefill: Factors
    short: Factors
    short_tokens: int
    decode: Factors
    lag_s: float


def effect(
    setting: Setting, table: PhaseTable, response: Response, brake_mhz: float = math.inf
) -> Effect:
    """The factors of `setting`, or of the brake where it is slower.

    A cap acts as the clock that keeps the table's most demanding prefill, or decode step, below
    it, and cap_lag_s late, since a cap reacts to power that it has seen; a lock acts at once.
    """
    shares = (response.prefill, response.decode)
    caps = [
        _capped_mhz(setting.cap_w * table.chips, dynamic_w, table, share, response)
        for dynamic_w, share in zip(table.busiest_w, shares, strict=True)
    ]
    lock = min(setting.mhz, brake_mhz)
    prefill, decode = min(lock, caps[0]), min(lock, caps[1], setting.decode_mhz)
    return Effect(
        prefill=factors(prefill, response.prefill, response),
        short=factors(min(prefill, setting.short_mhz), response.prefill, response),
        short_tokens=setting.short_tokens,
        decode=factors(decode, response.decode, response),
        lag_s=response.cap_lag_s if caps[0] < lock else 0.0,
    )


def factors(mhz: float, share: float, response: Response) -> Factors:
    """At `mhz`, of a phase whose share `share` the clock bounds; the equations are Response's."""
    r = min(mhz / response.max_mhz, 1.0)
    seconds = (share * r**-4 + 1 - share) ** 0.25
    return Factors(seconds, float(r**response.volts), float(r ** (1 + response.volts)))


def _capped_mhz(
    cap_w: float, dynamic_w: float, table: PhaseTable, share: float, response: Response
) -> float:
    clock_w = table.active_w - table.idle_w

    def over_w(r: float) -> float:
        f = factors(r * response.max_mhz, share, response)
        return table.idle_w + clock_w * f.clock + dynamic_w * f.joules / f.seconds - cap_w

    if over_w(1.0) <= 0:
        return math.inf
    if over_w(_LOWEST) >= 0:
        return _LOWEST * response.max_mhz
    return float(brentq(over_w, _LOWEST, 1.0)) * response.max_mhz
