"""Which compute unit runs an op, in which format, and at which share of its peak."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from picojoule.chips.chip import Chip, Compute, Constant, OpShape, UnitKind
from picojoule.formats import (
    FP32,
    FixedPoint,
    Float,
    Format,
    Int,
    Log,
    MultiBinary,
    OpClass,
    PowSum,
    SharedExponent,
    Ternary,
    parse_format,
)
from picojoule.graph import Kind, Op, Operand, Role

__all__ = [
    "CONTRACTIONS",
    "Choice",
    "carrier",
    "choose",
    "computed_in",
    "shape_of",
    "storage_only",
    "with_planes",
]

CONTRACTIONS = frozenset({Kind.MATMUL, Kind.CONV})

# Formats whose numbers, up to a shared scale, are those of a plain integer or float.
_PLAIN = (Int, Float, FixedPoint, SharedExponent)


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
    """The widest carrier of the inputs of `op`; floats before integers, which only index or
    scale them."""
    formats = [o.format for o in op.operands if o.role is not Role.OUTPUT]
    carriers = [carrier(f) for f in formats or [o.format for o in op.operands]]
    floats = [f for f in carriers if not isinstance(f, Int)]
    return max(floats or carriers, key=lambda f: f.bits_per_element())


def carrier(fmt: Format) -> Format:
    """The plain integer or float that a unit without arithmetic of `fmt`'s own computes in.

    Scales and exponents that a block shares apply to sums, so shared-exponent mantissas and signs
    are integers. Powers of two are integers as wide as their span, or float32 beyond 64 bits, as
    are powers of other bases and codebook entries that are looked up.
    """
    bits: float
    match fmt:
        case FixedPoint():
            bits = fmt.bits
        case SharedExponent():
            bits = fmt.mantissa
        case Ternary() | MultiBinary():
            bits = 2
        case PowSum():
            bits = fmt.high - fmt.low + (fmt.terms - 1).bit_length() + 2
        case Log():
            codes = (1 << (fmt.bits - fmt.signed)) - 2
            bits = math.inf if fmt.q % fmt.r else codes * fmt.q // fmt.r + 2
        case _:
            # What a codebook holds, what L-Mul multiplies, what a stored format's scales scale.
            held = (getattr(fmt, name, None) for name in ("entry", "float", "grid"))
            inner: Format | None = next((f for f in held if f is not None), None)
            return fmt if inner is None else carrier(inner)
    return Int(int(bits)) if bits <= 64 else FP32


def with_planes(choice: Choice, op: Op) -> Choice:
    """`choice` with a pass for each binary plane of the inputs, where it computes in integers.

    A sum of scaled signs is one sum of integers per plane; decoded to floats, it is one.
    """
    if not isinstance(parse_format(choice.format), Int):
        return choice
    grids = [getattr(f, "grid", f) for f in _factors(op)]
    planes = math.prod(f.terms for f in grids if isinstance(f, MultiBinary))
    return replace(choice, passes=choice.passes * planes)


def storage_only(op: Op, choice: Choice) -> str | None:
    """What to note where the factors of `op` ask for another arithmetic than the unit's."""
    factors = _factors(op)
    special = [f for f in factors if not isinstance(getattr(f, "grid", f), _PLAIN)]
    if not special:
        return None
    wanted = factors[0].op_class(factors[-1])
    integers = isinstance(parse_format(choice.format), Int)
    if wanted is (OpClass.INTEGER_MAC if integers else OpClass.FLOAT_MAC):
        return None
    names = " and ".join(dict.fromkeys(f.name for f in special))
    return (
        f"no {wanted} unit for {names}, computed in {choice.format}: "
        "its storage saves what it saves, its arithmetic does not"
    )


def _factors(op: Op) -> list[Format]:
    """Formats of what a contraction multiplies; a third input is a bias."""
    return [o.format for o in op.operands if o.role is not Role.OUTPUT][:2]


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
    """Whether every value of `narrow` is one of `wide` (signs aside). Both are carriers."""
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
