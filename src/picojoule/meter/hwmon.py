"""Finding hwmon devices by the name of their driver."""

from __future__ import annotations

from pathlib import Path

from picojoule.meter.files import text_of

__all__ = ["hwmon"]


def hwmon(root: str | Path, driver: str) -> list[tuple[str, Path]]:
    """(device, folder) of each hwmon device whose driver is `driver`, in order of the device.

    device: its bus address, such as '0000:03:00.0', or the folder's own name where there is none.
    """
    found = []
    for folder in (Path(root) / "sys/class/hwmon").glob("hwmon*"):
        if text_of(folder / "name") == driver:
            device = folder / "device"
            found.append((device.resolve().name if device.exists() else folder.name, folder))
    return sorted(found)
