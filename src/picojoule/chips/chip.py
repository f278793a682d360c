"""Chip: what each action costs, in time and in joules. Every number is a sourced Constant."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from picojoule.chips.cascade import CascadePart
from picojoule.chips.constant import Constant
from picojoule.chips.event import EventPart
from picojoule.chips.pim import PimPart
from picojoule.chips.spatial import SpatialPart
from picojoule.errors import ChipError, nearest

__all__ = ["Chip", "Compute", "Constant", "Efficiency", "Memory", "OpShape", "Runtime", "UnitKind"]

# A chip without one of these keeps the hash that it had before they were known.
_OPTIONAL = ("cascade", "clocked_w", "event", "pim", "spatial")

UnitKind = Literal["contraction", "vector", "event"]
OpShape = Literal["dense", "depthwise", "gemv"]
OperandRole = Literal["input", "weight", "output", "state"]


class Memory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One level of the memory hierarchy.

    capacity_bytes; bandwidth_b_s: peak bytes per second; efficiency: reachable share of that
    peak; read_pj_per_bit, write_pj_per_bit: energy of moving one bit between this level and the
    next one inside. roles: the only operand roles it serves (empty: all), for chips whose
    memories are side by side, such as a microcontroller's flash and SRAM.
    """

    name: str
    capacity_bytes: Constant
    bandwidth_b_s: Constant
    efficiency: Constant
    read_pj_per_bit: Constant
    write_pj_per_bit: Constant
    roles: tuple[OperandRole, ...] = ()

    def serves(self, role: str) -> bool:
        """Whether operands of `role` may live in or pass through this level."""
        return not self.roles or role in self.roles


class Efficiency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Reachable share of a unit's peak by shape of the op, each in (0, 1].

    dense: convolution, matmul and vector work. depthwise: a convolution that uses each activation
    in fewer than 8 filters. gemv: a contraction that uses each element of one operand fewer than
    8 times. The last two default to dense.
    """

    dense: Constant
    depthwise: Constant | None = None
    gemv: Constant | None = None

    def of(self, shape: OpShape) -> Constant:
        """The constant for `shape`."""
        found: Constant | None = getattr(self, shape)
        return found or self.dense


class Compute(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A compute unit. Formats are canonical names such as 'float16' and 'int8'.

    peak_op_s: MAC/s for contractions, operations/s for vector work, synaptic operations/s for
    events, by the format of their weights. pj: picojoules per MAC or operation, operand delivery
    from the innermost memory level included.
    """

    name: str
    kinds: tuple[UnitKind, ...]
    peak_op_s: dict[str, Constant]
    pj: dict[str, Constant]
    efficiency: Efficiency


class Runtime(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a software runtime makes of the chip.

    launch_s: host time per kernel that nothing hides. fused: elementwise, norm and softmax ops
    run inside the kernel of their producer. efficiency: contraction efficiency by format, in
    place of the unit's own.
    """

    launch_s: Constant
    fused: bool
    efficiency: dict[str, Efficiency] = {}


class Chip(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A chip with the runtimes that are known on it.

    memory: outermost level first. idle_w: static power, drawn all the time. clocked_w: what
    running clocks draw on top of it while there is work. max_w: power limit.
    runtime: by name, the default first. active_w_per_core: power of one busy core, to turn
    measured CPU seconds into joules. sources: the citations that constants refer to. cascade:
    arrays that run attention as one cascade. event: what a spike costs. pim: compute units
    inside the memory.
    """

    name: str
    title: str
    kind: Literal["gpu", "cpu", "mcu", "npu"]
    idle_w: Constant
    max_w: Constant
    memory: tuple[Memory, ...]
    compute: tuple[Compute, ...]
    runtime: dict[str, Runtime]
    active_w_per_core: Constant | None = None
    clocked_w: Constant | None = None
    cores: int | None = None
    sources: dict[str, str] = {}
    cascade: CascadePart | None = None
    spatial: SpatialPart | None = None
    event: EventPart | None = None
    pim: PimPart | None = None

    @property
    def hash(self) -> str:
        """12 hex digits that change with every number and every name that prices work.

        Titles and citations don't count: ledgers priced by equal numbers stay comparable.
        """
        numbers = _without_prose(msgspec.to_builtins(self))
        # Sorted keys: the order of tables in a file prices nothing, except for the runtimes,
        # whose default is resolved before pricing.
        text = msgspec.json.encode(numbers, order="sorted")
        return hashlib.sha256(text).hexdigest()[:12]

    def pick_runtime(self, name: str | None = None) -> str:
        """`name`, or the default runtime. Raises ChipError when the chip doesn't know it."""
        if name is None:
            return next(iter(self.runtime))
        if name not in self.runtime:
            raise ChipError(
                f"no runtime {name!r} on chip {self.name!r}", fix=nearest(name, self.runtime)
            )
        return name


def _without_prose(tree: Any) -> Any:
    if isinstance(tree, Mapping):
        prose = ("source", "sources", "title")
        kept = {k: v for k, v in tree.items() if k not in prose and (k not in _OPTIONAL or v)}
        return {k: _without_prose(v) for k, v in kept.items()}
    if isinstance(tree, list | tuple):
        return [_without_prose(v) for v in tree]
    return tree
