"""No sensor: for tests of the overhead, and where nothing shall be read."""

from __future__ import annotations

from picojoule.meter.files import FileSensor

__all__ = ["Null"]


class Null(FileSensor):
    """Has no domains, so every total is unavailable."""

    def __init__(self) -> None:
        super().__init__("null", (), ("the null sensor measures nothing",))
