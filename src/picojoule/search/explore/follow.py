"""What must move with a parameter, and isn't varied itself; `own` are the paths that are.

A larger buffer at the same picojoules would be a lie, so these follow. They are MODELLED from
published rows, or ASSUMED where the rows end:

- an on-chip memory's energies per bit: (size / size before)^p, p of `tables.sram_exponents`;
- peak rates of contraction units: with the multipliers and the clock; of vector units: the clock;
- bandwidths of on-chip memories: with the clock, since a port's width in bits stays;
- pJ per multiply-accumulate of a format that the chip doesn't have: the 45 nm ratio of both;
- static power: with the area, where that is known.

Energies per operation don't follow the clock: the voltage is the chip's own.
"""

from __future__ import annotations

import math
from collections.abc import Container

import msgspec

from picojoule.chips import Chip, Constant, Memory
from picojoule.chips.chip import Compute
from picojoule.chips.spatial import Level
from picojoule.quantity import Evidence, weakest
from picojoule.search.explore.area import area_mm2, array_format, units_of
from picojoule.search.explore.tables import mac_energy_j, sram_exponents

__all__ = ["in_format", "leak", "resize_memories", "speed_up"]

_ENERGIES = ("read_pj_per_bit", "write_pj_per_bit")
_EDGES = ("fill_pj_per_bit", "drain_pj_per_bit")
_PUBLISHED_BYTES = (8192, 134_217_728)


def resize_memories(old: Chip, new: Chip, own: Container[str]) -> Chip:
    """Energies per bit after a change of size."""
    pairs = list(zip(old.memory, new.memory, strict=True))
    memory = (new.memory[0], *(_resized(a, b, own) for a, b in pairs[1:]))
    new = msgspec.structs.replace(new, memory=memory)
    if new.spatial is None:
        return new
    level = dict(new.spatial.level)
    for before, after in pairs[1:]:
        if after.name in level:
            level[after.name] = _resized_edges(level[after.name], before, after, own)
    return msgspec.structs.replace(new, spatial=msgspec.structs.replace(new.spatial, level=level))


def _resized(before: Memory, after: Memory, own: Container[str]) -> Memory:
    free = [k for k in _ENERGIES if f"memory.{after.name}.{k}" not in own]
    changes = {k: _by_size(getattr(after, k), before, after) for k in free}
    return msgspec.structs.replace(after, **changes)


def _resized_edges(level: Level, before: Memory, after: Memory, own: Container[str]) -> Level:
    changes = {
        k: _by_size(c, before, after)
        for k in _EDGES
        if (c := getattr(level, k)) and f"spatial.level.{after.name}.{k}" not in own
    }
    return msgspec.structs.replace(level, **changes)


def _by_size(constant: Constant, before: Memory, after: Memory) -> Constant:
    """Energy per bit after a change of size; unchanged for the same size."""
    sizes = (before.capacity_bytes.value, after.capacity_bytes.value)
    if sizes[0] == sizes[1]:
        return constant
    value, *ends = ((sizes[1] / sizes[0]) ** p for p in sram_exponents())
    published = all(_PUBLISHED_BYTES[0] <= s <= _PUBLISHED_BYTES[1] for s in sizes)
    floor = Evidence.MODELLED if published else Evidence.ASSUMED
    return _times(constant, value, min(ends), max(ends), floor)


def speed_up(old: Chip, new: Chip, own: Container[str]) -> Chip:
    """Rates after a change of the array or the clock."""
    if old.spatial is None or new.spatial is None:
        return new
    clock = new.spatial.clock_hz.value / old.spatial.clock_hz.value
    units = units_of(new) / units_of(old)
    compute = tuple(_faster(u, clock * (units if "contraction" in u.kinds else 1), own)
                    for u in new.compute)  # fmt: skip
    memory = (new.memory[0], *(_wider(m, clock, own) for m in new.memory[1:]))
    return msgspec.structs.replace(new, compute=compute, memory=memory)


def _faster(unit: Compute, by: float, own: Container[str]) -> Compute:
    peaks = {
        f: c if f"compute.{unit.name}.peak_op_s.{f}" in own else _scaled(c, by)
        for f, c in unit.peak_op_s.items()
    }
    return msgspec.structs.replace(unit, peak_op_s=peaks)


def _wider(memory: Memory, by: float, own: Container[str]) -> Memory:
    if f"memory.{memory.name}.bandwidth_b_s" in own:
        return memory
    return msgspec.structs.replace(memory, bandwidth_b_s=_scaled(memory.bandwidth_b_s, by))


def _scaled(c: Constant, by: float) -> Constant:
    return c if by == 1 else _times(c, by, by, by, Evidence.MODELLED)


def in_format(chip: Chip, kind: str) -> Chip:
    """The array with multipliers of one format only."""
    base = array_format(chip)
    compute = tuple(
        _in_format(u, base, kind) if "contraction" in u.kinds else u for u in chip.compute
    )
    return msgspec.structs.replace(chip, compute=compute)


def _in_format(unit: Compute, base: str, kind: str) -> Compute:
    """Its own numbers for the format where it has them, else those of `base` scaled."""
    if kind in unit.pj:
        peak, energy = unit.peak_op_s[kind], unit.pj[kind]
    elif base in unit.pj:
        old, new = mac_energy_j(base), mac_energy_j(kind)
        energy = _times(unit.pj[base], new.value / old.value, new.low / old.high,
                        new.high / old.low, Evidence.MODELLED)  # fmt: skip
        peak = unit.peak_op_s[base]
    else:
        return unit
    others = {f for f in unit.pj if f not in (base, kind)} if "vector" in unit.kinds else set()
    peaks = {kind: peak, **{f: unit.peak_op_s[f] for f in sorted(others)}}
    energies = {kind: energy, **{f: unit.pj[f] for f in sorted(others)}}
    return msgspec.structs.replace(unit, peak_op_s=peaks, pj=energies)


def leak(old: Chip, new: Chip, node_nm: float | None) -> Chip:
    """Static power in proportion to area: leakage is that of the transistors that are there."""
    areas = area_mm2(old, node_nm).value, area_mm2(new, node_nm).value
    if not all(math.isfinite(a) for a in areas) or areas[0] == areas[1]:
        return new
    by = areas[1] / areas[0]
    return msgspec.structs.replace(new, idle_w=_times(new.idle_w, by, by, by, Evidence.ASSUMED))


def _times(c: Constant, by: float, low: float, high: float, floor: Evidence) -> Constant:
    return Constant(
        c.value * by,
        c.low * low,
        c.high * high,
        f"scaled from: {c.source}",
        weakest(c.evidence, floor),
    )
