"""The sensors of this machine."""

from __future__ import annotations

from pathlib import Path

from picojoule.meter.amd import Amd
from picojoule.meter.apple import Apple
from picojoule.meter.base import Sensor
from picojoule.meter.battery import Battery
from picojoule.meter.cputime import CpuTime
from picojoule.meter.jetson import Jetson
from picojoule.meter.nvml import Nvml
from picojoule.meter.rapl import Rapl

__all__ = ["all_sensors", "find_sensors"]


def all_sensors(root: str | Path = "/") -> tuple[Sensor, ...]:
    """Every sensor that needs no address, best first, whether or not its hardware is here."""
    return (Nvml(), Rapl(root), Amd(root), Jetson(root), Apple(), Battery(root), CpuTime(root))


def find_sensors(root: str | Path = "/") -> tuple[Sensor, ...]:
    """The sensors whose hardware exists here, best first; what they lack is in `missing`.

    CPU time stands in where no CPU can be measured. Meters that need an address (External,
    Scrape, Replay) are never looked for. root: where /proc and /sys are mounted.
    """
    found = [sensor for sensor in all_sensors(root) if getattr(sensor, "present", True)]
    measured = any(
        domain.component in ("cpu", "board")
        for sensor in found
        if not isinstance(sensor, CpuTime)
        for domain in sensor.domains
    )
    return tuple(s for s in found if not (measured and isinstance(s, CpuTime)))
