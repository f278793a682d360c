"""The sets that `pj predict --set` and `pj validate --set` know."""

from __future__ import annotations

import importlib

from picojoule.calibrate.measured_set import MeasuredSet
from picojoule.errors import InputError, nearest

__all__ = ["SETS", "measured_set"]

# name -> module with SET. Imported on use.
SETS = {
    "mlenergy-v3": "picojoule.calibrate.llm.mlenergy_v3",
    "mlenergy-v2": "picojoule.calibrate.llm.mlenergy_v2",
    "mlenergy-v3-diffusion": "picojoule.calibrate.diffusion.mlenergy_v3",
    "mlperf-inference": "picojoule.calibrate.mlperf.inference",
    "mlperf-tiny": "picojoule.calibrate.tiny.mlperf_tiny",
    "zeus-power-limit": "picojoule.calibrate.power_limit.zeus",
}


def measured_set(name: str) -> MeasuredSet:
    """The set of this name. Raises InputError with the nearest names."""
    if name not in SETS:
        raise InputError(f"no set is called {name!r}", fix=nearest(name, SETS))
    found: MeasuredSet = importlib.import_module(SETS[name]).SET
    return found
