"""AMD: GPUs (amdgpu) and processors (amd_energy) through hwmon.

A GPU's energy counter is known to stand still or count wrongly on some parts (ROCm/amdsmi issues
22 and 38), so it is compared with its power before it is trusted. Source of the names:
Documentation/gpu/amdgpu/thermal.rst and Documentation/hwmon/amd_energy.rst of Linux.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from picojoule.meter.base import Domain, Quantum, Scope
from picojoule.meter.files import Channel, FileSensor, Number, ReadText, read_text, text_of
from picojoule.meter.hwmon import hwmon

__all__ = ["Amd"]

_MAX_W = 2000.0
_CHECK_S, _STEP_S = 0.5, 0.05  # the counter of an MI250 moves on every few ms
_AGREES = 3.0  # times more or less than the power sensor says, which averages over another time
_HIDDEN = ("HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")


class Amd(FileSensor):
    """AMD GPUs that this process may use, and sockets. Compares each GPU counter for 0.5 s."""

    def __init__(
        self,
        root: str | Path = "/",
        *,
        clock: Callable[[], float] = time.monotonic,
        read: ReadText = read_text,
        sleep: Callable[[float], object] = time.sleep,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        cards = hwmon(root, "amdgpu")
        shown = _shown(len(cards), os.environ if environ is None else environ)
        channels, missing = [], []
        for device, folder in (cards[i] for i in shown):
            channel, text = _gpu(device, folder, clock, read, sleep)
            channels += [channel] if channel else []
            missing += [text] if text else []
        for _, folder in hwmon(root, "amd_energy"):
            channels += _sockets(folder, read, missing)
        self.present = bool(cards or channels or missing)
        if not self.present:
            missing.append("no AMD GPU (amdgpu) or amd_energy in hwmon")
        super().__init__("amd", channels, missing, clock=clock, read=read)


def _shown(count: int, environ: Mapping[str, str]) -> list[int]:
    """Indices of the cards that the variables allow; both count in the order of the bus."""
    shown = list(range(count))
    for variable in _HIDDEN:
        if variable in environ:
            parts = [part.strip() for part in environ[variable].split(",")]
            shown = [i for i in shown if str(i) in parts]
    return shown


def _gpu(
    device: str,
    folder: Path,
    clock: Callable[[], float],
    read: ReadText,
    sleep: Callable[[float], object],
) -> tuple[Channel | None, str]:
    """The card's counter where it can be trusted, else its power; and what is wrong."""
    counter = _card(device, folder / "energy1_input", Quantum.COUNTER_J)
    powers = [folder / n for n in ("power1_average", "power1_input") if (folder / n).exists()]
    power = _card(device, powers[0], Quantum.POWER_W) if powers else None
    doubt = _doubt(counter, power, clock, read, sleep)
    if not doubt:
        return counter, ""
    if power is None:
        return None, f"amd:{device}: {doubt}, and no power sensor"
    value, reason = power.value(read)
    if value is None:
        return None, f"amd:{device}: {reason}"
    return power, "" if "file is gone" in doubt else f"amd:{device}: {doubt}; using its power"


def _card(device: str, path: Path, quantum: Quantum) -> Channel:
    domain = Domain(f"amd:{device}", "gpu", Scope.DEVICE, quantum, max_w=_MAX_W)
    return Channel(domain, (path,), 1e-6)


def _doubt(
    counter: Channel,
    power: Channel | None,
    clock: Callable[[], float],
    read: ReadText,
    sleep: Callable[[float], object],
) -> str:
    """Why the counter can't be trusted; empty when it agrees with time and power."""
    begin_s, (first, reason) = clock(), counter.value(read)
    if first is None:
        return reason
    watts: list[Number] = []
    while clock() - begin_s < _CHECK_S:
        sleep(_STEP_S)
        watts += [power.value(read)] if power else []
    last, reason = counter.value(read)
    if last is None:
        return reason
    mean_w = (last - first) / (clock() - begin_s)
    if not 0 < mean_w <= _MAX_W:
        return f"its energy counter moved by {last - first:g} J in {_CHECK_S} s"
    known = [w for w, _ in watts if w]
    expected_w = sum(known) / len(known) if known else mean_w
    if abs(math.log(mean_w / expected_w)) > math.log(_AGREES):
        return f"its energy counter says {mean_w:.3g} W and its power sensor {expected_w:.3g} W"
    return ""


def _sockets(folder: Path, read: ReadText, missing: list[str]) -> list[Channel]:
    """Sockets of amd_energy. Its per-core counters are parts that nothing here needs."""
    channels = []
    for label in sorted(folder.glob("energy*_label")):
        text = text_of(label)
        if not text.startswith("Esocket"):
            continue
        name = f"amd:socket-{text.removeprefix('Esocket')}"
        path = label.with_name(label.name.replace("_label", "_input"))
        domain = Domain(name, "cpu", Scope.CHIP, Quantum.COUNTER_J, resolution_j=61e-6, max_w=1000)
        channel = Channel(domain, (path,), 1e-6)
        value, reason = channel.value(read)
        if value is None:
            missing.append(f"{name}: {reason}; sudo chmod o+r {path}")
        else:
            channels.append(channel)
    return channels
