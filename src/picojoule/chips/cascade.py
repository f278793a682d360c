"""The optional [cascade] part of a chip: arrays that run attention as one cascade of einsums."""

from __future__ import annotations

import msgspec

from picojoule.chips.constant import Constant

__all__ = ["CascadePart"]


class CascadePart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A 2D array of side × side units and a 1D array of side lanes that share a buffer.

    design: how attention is bound to them ("fusemax", "flat", "unfused"...). format: the only
    format in which they compute. buffer: the memory level that both share. clock_hz: cycles per
    second. pj: picojoules of each action ("mac", "add", "max", "exp", "divide").
    """

    design: str
    side: int
    format: str
    buffer: str
    clock_hz: Constant
    pj: dict[str, Constant]
