"""Which compute unit runs an op, in which format, and at which share of its peak."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from picojoule.chips.chip import Chip, Compute, Constant, OpShape, UnitKind
from picojoule.formats import Format, Int, parse_format
from picojoule.formats.float import Float
from picojoule.graph import Kind, Op, Operand, Role

__all__ = ["CONTRACTIONS", "Choice", "choose", "computed_in", "shape_of"]

CONTRACTIONS = frozenset({Kind.MATMUL, Kind.CONV})


@dataclass(frozen=True, slots=True)
class Choice:
    """A unit and the format it computes in. passes: instructions per operation."""

    unit: Compute
    format: str
    passes: int = 1

    @property
    def peak_op_s(self) -> Constant:
        """Peak MAC/s or op/s in this format."""
        return self.unit.peak_op_s[self.format]

    @property
    def pj(self) -> Constant:
        """Picojoules per MAC or operation in this format."""
        return self.unit.pj[self.format]


def computed_in(op: Op) -> Format:
    """The widest input format of `op`; floats before integers, which only index or scale them."""
    formats = [o.format for o in op.operands if o.role is not Role.OUTPUT]
    formats = formats or [o.format for o in op.operands]
    floats = [f for f in formats if not isinstance(f, Int)]
    return max(floats or formats, key=lambda f: f.bits_per_element())


def choose(chip: Chip, kind: UnitKind, wanted: Format) -> Choice | None:
    """The unit of `chip` that computes in `wanted`, or else in the narrowest format that holds it.

    Vector operations on integers wider than any unit take several passes of the widest one, as
    with 64-bit indices. None when the chip has nothing.
    """
    if isinstance(wanted, Int):
        wanted = Int(wanted.bits)  # units don't mind the sign
    options = [(u, parse_format(f)) for u in chip.compute if kind in u.kinds for f in u.peak_op_s]
    holding = [(u, f) for u, f in options if _holds(f, wanted)]
    if holding:
        unit, fmt = min(holding, key=lambda o: (o[1].name != wanted.name, _rank(o[1])))
        return Choice(unit, fmt.name)
    if not (options and kind == "vector" and isinstance(wanted, Int)):
        return None
    unit, fmt = max(options, key=lambda o: _rank(o[1]))
    return Choice(unit, fmt.name, math.ceil(wanted.bits / fmt.bits_per_element()))


def _rank(fmt: Format) -> tuple[float, bool]:
    return fmt.bits_per_element(), not isinstance(fmt, Int)


def _holds(wide: Format, narrow: Format) -> bool:
    """Whether every value of `narrow` is one of `wide` (signs aside)."""
    if isinstance(wide, Int):
        return isinstance(narrow, Int) and wide.bits >= narrow.bits
    if isinstance(wide, Float) and isinstance(narrow, Float):
        return wide.exponent >= narrow.exponent and wide.mantissa >= narrow.mantissa
    # A sign, a mantissa and its hidden one hold an integer of mantissa + 2 bits.
    return isinstance(wide, Float) and isinstance(narrow, Int) and wide.mantissa + 2 >= narrow.bits


def shape_of(op: Op) -> OpShape:
    """dense, depthwise or gemv: how often a contraction uses each element that it reads.

    An element of one input is used once per value of the dims that only the other input and the
    output have. Below 8 uses, a matmul is a gemv; a convolution is one when its weights are
    little used, and depthwise when its activations are.
    """
    inputs = [set(o.dims) for o in op.operands if o.role is not Role.OUTPUT][:2]
    if op.kind not in CONTRACTIONS or len(inputs) < 2:
        return "dense"
    output = next(set(o.dims) for o in op.operands if o.role is Role.OUTPUT)
    left, right = inputs
    left_uses, right_uses = (
        _extent(op, (right & output) - left),
        _extent(op, (left & output) - right),
    )
    if min(left_uses, right_uses) >= 8:
        return "dense"
    return "depthwise" if op.kind is Kind.CONV and right_uses >= 8 else "gemv"


def _extent(op: Op, dims: Iterable[str]) -> int:
    return op.extent(tuple(dims))


def is_activation(operand: Operand) -> bool:
    """Whether `operand` lives only from one op to the next."""
    return operand.role in (Role.INPUT, Role.OUTPUT)
