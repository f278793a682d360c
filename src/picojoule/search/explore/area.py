"""Silicon area of a chip with a [spatial] part: its array and its memories."""

from __future__ import annotations

import math

from picojoule.chips import Chip
from picojoule.chips.spatial import Level
from picojoule.errors import InputError
from picojoule.quantity import Quantity
from picojoule.search.explore.amounts import times, total, unavailable
from picojoule.search.explore.tables import mac_um2, memory_um2

__all__ = ["area_mm2", "array_format", "units_of"]


def area_mm2(chip: Chip, node_nm: float | None) -> Quantity:
    """mm² of the multipliers and of every memory but the outermost.

    A floor: vector units, wiring, control, clock trees and pads are not in it. UNAVAILABLE, never
    0, for a chip without a [spatial] part, without a node, or of a format or node without
    published areas.
    """
    if chip.spatial is None or node_nm is None:
        return unavailable("mm²")
    try:
        parts = [times(mac_um2(array_format(chip), node_nm), units_of(chip))]
        for memory in chip.memory[1:]:
            level = chip.spatial.level.get(memory.name, Level())
            instances = math.prod(chip.spatial.axes[a] for a in level.per if a in chip.spatial.axes)
            size = memory.capacity_bytes.value
            parts.append(times(memory_um2(size, node_nm), 8 * size * instances))
    except InputError:
        return unavailable("mm²")
    return times(total(parts, "µm²"), 1e-6, "mm²")


def units_of(chip: Chip) -> int:
    """Multipliers of the array; 0 without a [spatial] part."""
    return math.prod(chip.spatial.axes.values()) if chip.spatial else 0


def array_format(chip: Chip) -> str:
    """The first format of the first unit that contracts. Raises InputError without one."""
    for unit in chip.compute:
        if "contraction" in unit.kinds:
            return next(iter(unit.pj))
    raise InputError(f"no unit of chip {chip.name!r} multiplies matrices")
