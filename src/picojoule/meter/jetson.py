"""NVIDIA Jetson: the INA3221 monitors of a module's supply rails, through hwmon.

Watts = volts × amperes of each labelled rail. VDD_IN feeds the others where it exists (Orin Nano,
Orin NX, Xavier NX: NVIDIA's developer guide calls it the module's total). Modules without it (AGX)
have rails that add up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from picojoule.meter.base import Domain, Quantum, Scope
from picojoule.meter.files import Channel, FileSensor, ReadText, read_text, text_of
from picojoule.meter.hwmon import hwmon

__all__ = ["Jetson"]

_TOTALS = ("VDD_IN", "POM_5V_IN")
_MAX_W = 300.0
_STEP_W = 0.04  # 8 mA steps of a 5 mΩ shunt (INA3221 datasheet, 40 µV) at 5 V


class Jetson(FileSensor):
    """The rails of a Jetson module under `root`."""

    def __init__(
        self,
        root: str | Path = "/",
        *,
        clock: Callable[[], float] = time.monotonic,
        read: ReadText = read_text,
    ) -> None:
        rails = dict(rail for _, folder in hwmon(root, "ina3221") for rail in _rails(folder))
        whole = next((label for label in _TOTALS if label in rails), None)
        channels, missing = [], []
        for label, paths in rails.items():
            channel = _channel(label, paths, whole)
            value, reason = channel.value(read)
            if value is None:
                missing.append(f"jetson:{label}: {reason}; sudo chmod o+r {paths[0].parent}/*")
            else:
                channels.append(channel)
        self.present = bool(rails)
        if not rails:
            missing.append("no Jetson: no ina3221 rails in hwmon")
        super().__init__("jetson", channels, missing, clock=clock, read=read)


def _rails(folder: Path) -> list[tuple[str, tuple[Path, Path]]]:
    """(label, its voltage and current files). 'NC' is not connected; in7 sums the shunts."""
    found = []
    for file in sorted(folder.glob("in[123]_label")):
        label, channel = text_of(file), file.name[2]
        paths = (folder / f"in{channel}_input", folder / f"curr{channel}_input")
        if label and label != "NC" and paths[1].exists():
            found.append((label, paths))
    return found


def _channel(label: str, paths: tuple[Path, Path], whole: str | None) -> Channel:
    parts_of = f"jetson:{whole}" if whole is not None and label != whole else None
    domain = Domain(
        name=f"jetson:{label}",
        component=_component(label),
        scope=Scope.DEVICE if label == whole else Scope.CHIP,
        quantum=Quantum.POWER_W,
        parts_of=parts_of,
        resolution_j=_STEP_W,
        max_w=_MAX_W,
    )
    return Channel(domain, paths, 1e-6)  # mV × mA


def _component(label: str) -> str:
    if "GPU" in label and "CPU" not in label:
        return "gpu"
    return "cpu" if "CPU" in label and "GPU" not in label else "board"
