"""Two sides of a memory: the chip as its host sees it, and as each unit inside the memory does.

A unit inside the memory is a chip of its own to the roofline: weights and state come through the
unit's place in the DRAM, inputs and outputs through the interface to the host. So the same rules
price both sides, and the levels of the rows say where the work ran.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import msgspec

from picojoule.chips.chip import Chip, Compute, Efficiency, Memory
from picojoule.chips.pim import PimPart, PimUnit
from picojoule.cost.interval import Interval
from picojoule.cost.units import CONTRACTIONS
from picojoule.errors import ChipError
from picojoule.formats import parse_format
from picojoule.graph import Op, Role
from picojoule.graph.count import macs
from picojoule.quantity import Evidence

__all__ = ["BreakEven", "break_even", "handed_over", "ops_per_byte", "pim_part", "runs_in_memory",
           "seen_from"]  # fmt: skip

_RESIDENT = (Role.WEIGHT, Role.STATE)  # what stays in the memory from one run to the next


def pim_part(chip: Chip) -> PimPart:
    """The [pim] part of `chip`. Raises ChipError where it lacks one, or where the part names no
    memory level, no unit, or one name twice."""
    part = chip.pim
    if part is None:
        fix = "see docs/pim.md, or use the roofline"
        raise ChipError(f"chip {chip.name!r} has no [pim] part", fix=fix)
    levels = [m.name for m in chip.memory]
    if part.memory not in levels:
        raise ChipError(f"[pim] memory of chip {chip.name!r} is no memory level",
                        got=repr(part.memory), expected=" or ".join(levels))  # fmt: skip
    names = [unit.name for unit in part.unit]
    taken = {u.name for u in chip.compute} | {*levels, "host"}
    if not names or len(set(names) - taken) < len(names):
        raise ChipError(f"[[pim.unit]] of chip {chip.name!r} needs names of its own", got=names)
    return part


def seen_from(unit: PimUnit, chip: Chip) -> Chip:
    """`chip` as `unit` sees it: its own multipliers, the memory from inside, and the interface.

    The result has one runtime, "memory side", whose launch is the unit's.
    """
    part = pim_part(chip)
    outside = next(m for m in chip.memory if m.name == part.memory)
    interface = msgspec.structs.replace(outside, roles=("input", "output"))
    inside = Memory(
        name=f"{outside.name} {unit.at}",
        capacity_bytes=outside.capacity_bytes,
        bandwidth_b_s=unit.bandwidth_b_s,
        efficiency=unit.efficiency.read,
        read_pj_per_bit=unit.read_pj_per_bit,
        write_pj_per_bit=unit.read_pj_per_bit,
        roles=("weight", "state"),
    )
    compute = Compute(
        name=unit.name,
        kinds=("contraction",),
        peak_op_s=unit.peak_op_s,
        pj=unit.pj,
        efficiency=Efficiency(dense=unit.efficiency.of_macs),
    )
    host = next(iter(chip.runtime.values()))
    runtime = msgspec.structs.replace(host, launch_s=unit.launch_s, fused=False, efficiency={})
    return msgspec.structs.replace(
        chip,
        memory=(interface, inside),
        compute=(compute,),
        runtime={"memory side": runtime},
        pim=None,
    )


def runs_in_memory(op: Op) -> bool:
    """Whether a unit inside the memory could run `op`: a contraction with a weight or state."""
    return op.kind in CONTRACTIONS and any(o.role in _RESIDENT for o in op.operands)


def handed_over(op: Op) -> Op:
    """`op` with nothing kept on chip: what the host's kernels make reaches the memory's units
    through the interface, and so does what they make."""
    return replace(op, operands=tuple(replace(o, on_chip=False) for o in op.operands))


def ops_per_byte(op: Op) -> float:
    """Operations (two per MAC) per byte of the weights and state that one run of `op` reads.

    Infinite for an op that reads none.
    """
    resident_b = sum(op.bytes_of(o) for o in op.operands if o.role in _RESIDENT and not o.on_chip)
    work = 2 * macs(op) / max(op.repeat, 1)
    return work / resident_b if resident_b else math.inf


class BreakEven(NamedTuple):
    """Operations per byte below which `unit` is faster than the host. 0: never; inf: always."""

    unit: str
    value: float
    low: float
    high: float
    evidence: Evidence


def break_even(chip: Chip, format: str = "float16") -> tuple[BreakEven, ...]:
    """For each unit of `chip`, the operations per byte at which it and the host take equally long.

    By two rooflines with b bytes of weights and I MACs per byte, in `format`::

        host  b max(I / P_h, 1 / B_h)       unit  b max(I / P_u, 1 / B_u)

    they meet at I = P_u / B_h, the unit bound by its MACs and the host by the interface, where
    B_u > B_h and P_u < P_h. A unit with as many MACs too is always faster (infinity); one without
    more bandwidth is not faster below any intensity (0). P and B are peaks times their reachable
    shares. Inputs, outputs and launches are left out. Raises ChipError as `pim_part` does, and
    where a side has no contraction in `format`.
    """
    part, name = pim_part(chip), parse_format(format).name
    memory = next(m for m in chip.memory if m.name == part.memory)
    host = next((u for u in chip.compute if "contraction" in u.kinds and name in u.peak_op_s), None)
    if host is None or any(name not in u.peak_op_s for u in part.unit):
        raise ChipError(f"not all sides of chip {chip.name!r} compute in {name}",
                        fix="name a format that the host and each [[pim.unit]] have")  # fmt: skip
    host_macs_s = host.peak_op_s[name].value * host.efficiency.dense.value
    host_b_s = memory.bandwidth_b_s.value * memory.efficiency.value
    return tuple(_meeting(u, name, memory, host_macs_s, host_b_s) for u in part.unit)


def _meeting(
    unit: PimUnit, name: str, memory: Memory, host_macs_s: float, host_b_s: float
) -> BreakEven:
    rate, share = unit.peak_op_s[name], unit.efficiency.of_macs
    if unit.bandwidth_b_s.value * unit.efficiency.read.value <= host_b_s:
        return BreakEven(unit.name, 0.0, 0.0, 0.0, unit.bandwidth_b_s.evidence)
    if rate.value * share.value >= host_macs_s:
        return BreakEven(unit.name, math.inf, math.inf, math.inf, rate.evidence)
    per_mac = Interval.quotient(2.0, memory.bandwidth_b_s, memory.efficiency)
    return BreakEven(unit.name, *per_mac.times(Interval.of(rate)).times(Interval.of(share)))
