"""How a job answers to a power limit: DVFS, a busy share and a memory-bound share.

A job is busy for a share of its time and waits for its host in the rest. Busy, the chip wants
`demand` watts; a limit below that lowers the clock until the power fits:

    power(f) = hold + (demand − hold) · (static · v + (1 − static) · f · v²)
    hold     = max(idle, held · demand),    v = bend + (1 − bend) · f

with clock f and voltage v relative to the unlimited ones; `hold` is drawn at any clock (memory,
board), and the clock has a floor. Busy time grows as memory + (1 − memory) / f. The form is that
of CMOS power (Chandrakasan et al., JSSC 1992: dynamic power ∝ f V², leakage ∝ V); the constants
are fitted.
"""

from __future__ import annotations

import msgspec
import numpy as np

from picojoule.calibrate.measured_set import Floats

__all__ = ["Device", "Response", "ratios"]

_STEPS = np.linspace(0.0, 1.0, 120)


class Response(msgspec.Struct, frozen=True):
    """Shared by all GPUs. margin: busy demand over the highest mean power that was measured."""

    static: float
    bend: float
    floor: float
    memory: float
    held: float
    margin: float


class Device(msgspec.Struct, frozen=True):
    """What uncapped runs show of a GPU: watts while waiting, and the highest mean watts."""

    idle_w: float
    high_w: float


def ratios(
    law: Response, idle_w: Floats, high_w: Floats, mean_w: Floats, most_w: Floats, limit_w: Floats
) -> tuple[Floats, Floats]:
    """Time and mean power at `limit_w`, each relative to the same job at `most_w`.

    idle_w, high_w: of the device, a row. mean_w: mean power of the job at the limit `most_w`.
    """
    idle_w = np.minimum(idle_w, 0.999 * mean_w)
    demand_w = np.maximum(law.margin * high_w, 1.001 * mean_w)
    busy = np.clip((mean_w - idle_w) / (np.minimum(demand_w, most_w) - idle_w), 1e-3, 1.0)
    clock = law.floor + (1.0 - law.floor) * _STEPS
    volt = law.bend + (1.0 - law.bend) * clock
    hold_w = np.maximum(idle_w, law.held * demand_w)
    share = law.static * volt + (1.0 - law.static) * clock * volt**2

    def at(cap_w: Floats) -> tuple[Floats, Floats]:
        allowed = np.clip((np.minimum(demand_w, cap_w) - hold_w) / (demand_w - hold_w), 0.0, 1.0)
        f = np.interp(allowed, share, clock)
        drawn_w = hold_w + np.interp(f, clock, share) * (demand_w - hold_w)
        return law.memory + (1.0 - law.memory) / f, drawn_w

    slow, drawn_w = at(limit_w)
    slow_most, drawn_most_w = at(most_w)
    slower = slow / slow_most
    time = 1.0 - busy + busy * slower
    power_w = ((1.0 - busy) * idle_w + busy * slower * drawn_w) / time
    return time, power_w / ((1.0 - busy) * idle_w + busy * drawn_most_w)
