"""Intel and AMD processors through the kernel's powercap tree (RAPL).

Zones: package-N (a socket, or a die of one) with core, uncore and dram inside; psys, the platform,
which contains the packages. `intel-rapl-mmio` shows the same packages again and is dropped.
Source: Documentation/power/powercap/powercap.rst; Intel SDM vol. 3B, 16.10.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from picojoule.meter.base import Domain, Quantum, Scope
from picojoule.meter.files import Channel, FileSensor, ReadText, number, read_text, text_of

__all__ = ["Rapl"]

_UDEV = (
    'for good: echo \'SUBSYSTEM=="powercap", ACTION=="add", '
    'RUN+="/bin/chmod o+r /sys/class/powercap/%k/energy_uj"\''
    " | sudo tee /etc/udev/rules.d/70-powercap.rules"
)
# Well above any socket, its memory, or a platform: only to tell a wrap from a fault.
_MAX_W = {"package": 1000.0, "dram": 500.0, "psys": 5000.0}
_TWINS_J, _MANY_J = 1.0, 10_000.0
_UNIT_J = 61e-6  # the coarsest energy unit in use (1 / 2**14 J), SDM vol. 3B, 16.10.1


@dataclass(frozen=True, slots=True)
class _Zone:
    """A zone: 'intel-rapl:0:1', its folder and its name ('dram'). parent: the zone around it."""

    key: str
    folder: Path
    label: str
    parent: str | None = None

    @property
    def kind(self) -> str:
        return self.label.split("-")[0]


class Rapl(FileSensor):
    """RAPL domains under `root`. Unreadable ones are in `missing`, with the command."""

    def __init__(
        self,
        root: str | Path = "/",
        *,
        clock: Callable[[], float] = time.monotonic,
        read: ReadText = read_text,
    ) -> None:
        powercap = Path(root) / "sys/class/powercap"
        channels: list[Channel] = []
        missing: list[str] = []
        zones = _zones(powercap)
        packages: dict[str, float] = {}
        for zone, name, parts_of in _named(zones):
            channel = _channel(zone, name, parts_of)
            value, reason = channel.value(read)
            if value is None:
                missing.append(f"{name}: {reason}; {_fix(channel.paths[0], reason)}")
                continue
            if zone.kind == "package" and (twin := _twin(value, packages)):
                missing.append(f"{name} shows the counter of {twin}, as dies may: counted once")
                channel = replace(channel, domain=replace(channel.domain, parts_of=twin))
            packages |= {name: value} if zone.kind == "package" else {}
            channels.append(channel)
        if not zones:
            missing.append(f"no RAPL: {powercap} has no zones (a virtual machine, or no driver)")
        super().__init__("rapl", _without_absent(channels), missing, clock=clock, read=read)
        self.present = bool(zones)


def _zones(powercap: Path) -> list[_Zone]:
    """All zones, once each: the tree is reachable both flat and nested."""
    found: dict[str, Path] = {}
    for pattern in ("{}:*", "{0}/{0}:*", "{0}/{0}:*/{0}:*", "{0}:*/{0}:*"):
        for folder in sorted(powercap.glob(pattern.format("intel-rapl"))):
            if folder.name.startswith("intel-rapl:") and (folder / "name").exists():
                found.setdefault(folder.name, folder)
    keys = sorted(found, key=lambda key: [int(n) for n in key.split(":")[1:] if n.isdecimal()])
    return [_zone(key, found) for key in keys]


def _zone(key: str, found: dict[str, Path]) -> _Zone:
    parent = key.rpartition(":")[0]
    return _Zone(key, found[key], text_of(found[key] / "name"), parent if parent in found else None)


def _named(zones: list[_Zone]) -> list[tuple[_Zone, str, str | None]]:
    """Each zone with a unique domain name and the name of the domain that contains it.

    Dies of one socket may carry one name ('package-0' twice): the zone's key keeps them apart.
    """
    labels = [zone.label for zone in zones if zone.parent is None]
    names: dict[str, str] = {}
    for zone in zones:
        if zone.parent is None:
            twin = labels.count(zone.label) > 1
            names[zone.key] = f"rapl:{zone.label}" + (f"@{zone.key}" if twin else "")
        else:
            names[zone.key] = f"{names[zone.parent]}/{zone.label}"
    psys = next((names[zone.key] for zone in zones if zone.kind == "psys"), None)
    return [(zone, names[zone.key], _parts_of(zone, names, psys)) for zone in zones]


def _parts_of(zone: _Zone, names: dict[str, str], psys: str | None) -> str | None:
    """Memory is listed below its package but its joules are not the package's (SDM 16.10.1)."""
    if zone.kind == "psys":
        return None
    return names[zone.parent] if zone.parent is not None and zone.kind != "dram" else psys


def _twin(value_j: float, packages: dict[str, float]) -> str | None:
    """The package whose counter this one repeats: dies of some AMD processors do.

    Two counters of many joules don't agree to a joule by chance (codecarbon issue 1274).
    """
    close = [name for name, other_j in packages.items() if abs(other_j - value_j) < _TWINS_J]
    return close[0] if close and value_j > _MANY_J else None


def _without_absent(channels: list[Channel]) -> list[Channel]:
    """A part of a domain that can't be read stands for itself."""
    readable = {channel.domain.name for channel in channels}
    return [
        channel
        if channel.domain.parts_of is None or channel.domain.parts_of in readable
        else replace(channel, domain=replace(channel.domain, parts_of=None))
        for channel in channels
    ]


def _channel(zone: _Zone, name: str, parts_of: str | None) -> Channel:
    wraps_at_j, _ = number(zone.folder / "max_energy_range_uj", 1e-6)
    component = {"dram": "dram", "psys": "board", "uncore": "uncore"}.get(zone.kind, "cpu")
    domain = Domain(
        name=name,
        component=component,
        scope=Scope.HOST if zone.kind == "psys" else Scope.CHIP,
        quantum=Quantum.COUNTER_J,
        parts_of=parts_of,
        wraps_at_j=wraps_at_j,
        resolution_j=_UNIT_J,
        max_w=_MAX_W.get(zone.kind, _MAX_W["package"]),
    )
    return Channel(domain, (zone.folder / "energy_uj",), 1e-6)


def _fix(path: Path, reason: str) -> str:
    if "permission" not in reason:
        return "the driver can't read it"
    return f"until the next boot: sudo chmod o+r {path}; {_UDEV}"
