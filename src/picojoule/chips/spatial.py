"""The optional [spatial] part of a chip: an array of units fed by a hierarchy of memories."""

from __future__ import annotations

from typing import Literal

import msgspec

from picojoule.chips.constant import Constant

__all__ = ["Constraint", "Level", "SpatialPart"]

Slot = Literal["input", "weight", "output"]


class Constraint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a dataflow allows. Dims are named as in the op ("p") or by class.

    Classes: "channel" (summed over, not by a sliding window), "kernel" (the sliding window's own),
    "filter" (weights and outputs only), "position" (inputs and outputs only), "group" (all three).

    unroll: the dims that each axis of the array may spread. whole: of these, dims that take as
    many units as they can before others share the axis. stationary: the operand that stays at the
    innermost level while every loop that doesn't index it runs. even: levels whose tile ends at
    the same loop for all operands. inside, outside: the only dims that may loop inside or outside
    of a level.
    """

    unroll: dict[str, tuple[str, ...]]
    whole: tuple[str, ...] = ()
    stationary: Slot | None = None
    even: tuple[str, ...] = ()
    inside: dict[str, tuple[str, ...]] = {}
    outside: dict[str, tuple[str, ...]] = {}


class Level(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a [[memory]] sits in the array.

    per: axes with one instance for each of their units; capacity and bandwidth are then of one
    instance. fill_pj_per_bit, drain_pj_per_bit: writing a bit that comes from outside, reading
    one that goes there, where the outer level's own energy doesn't include it. word_bits: the
    smallest access. ports: "shared" when reads and writes share the bandwidth. buffering:
    "double" halves the room for a tile that is replaced and hides its transfer; "single" stops
    the array during it; "streamed" replaces it word by word. sliding: a window of
    inputs that moves on, without dilation, fetches only what is new.
    """

    per: tuple[str, ...] = ()
    fill_pj_per_bit: Constant | None = None
    drain_pj_per_bit: Constant | None = None
    word_bits: int = 1
    ports: Literal["shared", "separate"] = "separate"
    buffering: Literal["double", "single", "streamed"] = "streamed"
    sliding: bool = False


class SpatialPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An array of multipliers: units along each axis, and how its memories feed it.

    partial_bits: width of a partial sum; None: that of the output. reads_first_partial: a sum
    starts from a value in memory instead of zero. holds_inputs: a multiplier keeps an operand
    that doesn't change, instead of reading it every cycle. level: by the name of its [[memory]].
    """

    axes: dict[str, int]
    clock_hz: Constant
    dataflow: Constraint
    level: dict[str, Level] = {}
    partial_bits: int | None = None
    reads_first_partial: bool = False
    holds_inputs: bool = True
