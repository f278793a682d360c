"""A laptop's or phone's own battery: the whole machine, while nothing else feeds it.

Source: Documentation/ABI/testing/sysfs-class-power of Linux (µW, µWh, µA, µAh, µV).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from picojoule.meter.base import Domain, Quantum, Sample, Scope
from picojoule.meter.files import Channel, FileSensor, ReadText, read_text, text_of

__all__ = ["Battery"]

_MAX_W = 300.0
_J_PER_UWH = 3.6e-3  # 3600 s × 1e-6 W


class Battery(FileSensor):
    """Batteries under `root`; a failed read while one is not discharging.

    What the battery gives as watts is used first, as volts and amperes next, and else how its
    charge falls (a coarse counter).
    """

    def __init__(
        self,
        root: str | Path = "/",
        *,
        clock: Callable[[], float] = time.monotonic,
        read: ReadText = read_text,
    ) -> None:
        folders = sorted((Path(root) / "sys/class/power_supply").glob("BAT*"))
        self._folders = {f"battery:{folder.name}": folder for folder in folders}
        channels = [channel for f in folders if (channel := _channel(f)) is not None]
        known = {channel.domain.name for channel in channels}
        missing = [f"{n}: says neither power nor charge" for n in self._folders if n not in known]
        if not folders:
            missing.append("no battery in power_supply")
        super().__init__("battery", channels, missing, clock=clock, read=read)
        # On mains it tells nothing.
        self.present = bool(channels) and self.discharging

    @property
    def discharging(self) -> bool:
        """Whether some battery feeds the machine now."""
        return any(self._status(name) == "Discharging" for name in self._folders)

    def _sample(self, channel: Channel) -> Sample:
        status = self._status(channel.domain.name)
        if status != "Discharging":
            reason = f"battery is {status.lower() or 'silent'}: unplug the mains to measure with it"
            return Sample(channel.domain.name, self._clock(), None, reason)
        value, reason = channel.value(self._read)
        if value is not None:
            # Watts are positive or negative as the driver likes; a counter must rise as charge
            # falls, from an arbitrary start.
            value = abs(value) if channel.domain.quantum is Quantum.POWER_W else _START_J - value
        return Sample(channel.domain.name, self._clock(), value, reason)

    def _status(self, name: str) -> str:
        return text_of(self._folders[name] / "status")


_START_J = 1e7  # more than any battery holds


def _channel(folder: Path) -> Channel | None:
    """The best way in which this battery tells energy."""

    def has(*names: str) -> bool:
        return all((folder / name).exists() for name in names)

    if has("power_now"):
        return _watts(folder, ("power_now",), 1e-6)
    if has("current_now", "voltage_now"):
        return _watts(folder, ("current_now", "voltage_now"), 1e-12)
    if has("energy_now"):
        return _joules(folder, ("energy_now",), _J_PER_UWH, 10_000 * _J_PER_UWH)
    if has("charge_now", "voltage_min_design"):
        # The voltage now would move the charge that is left along with it.
        files = ("charge_now", "voltage_min_design")
        return _joules(folder, files, _J_PER_UWH * 1e-6, 1000 * _J_PER_UWH * 12)
    return None


def _watts(folder: Path, files: tuple[str, ...], scale: float) -> Channel:
    return Channel(_domain(folder, Quantum.POWER_W, 0.01), tuple(folder / f for f in files), scale)


def _joules(folder: Path, files: tuple[str, ...], scale: float, step_j: float) -> Channel:
    paths = tuple(folder / f for f in files)
    return Channel(_domain(folder, Quantum.COUNTER_J, step_j), paths, scale)


def _domain(folder: Path, quantum: Quantum, step: float) -> Domain:
    name = f"battery:{folder.name}"
    return Domain(name, "battery", Scope.HOST, quantum, resolution_j=step, max_w=_MAX_W)
