"""How energy and area follow a design: published areas, and exponents from published rows.

::

    SRAM energy per bit ∝ size^p     p = 0.47 [0.09 .. 0.58]   rows of chips/units/memory.toml
    area                ∝ node^q     q = 1.4 [1.2 .. 2]        SRAM rows at 45 and 12 nm; 2: ideal
    integer multipliers ∝ bits^r     through the published 8 and 32 bits

p is that of the 45 nm rows from 8 KiB to 1 MiB; its ends are the extremes between neighbouring
sizes of a node. A chip's own energy is the anchor, so only the ratio of two sizes is modelled.
"""

from __future__ import annotations

import itertools
import math
import re
import tomllib
from collections.abc import Callable
from functools import cache
from importlib import resources

import msgspec

from picojoule.chips.unit_energies import operation_j, unit_energies
from picojoule.errors import InputError
from picojoule.quantity import Evidence, Quantity, weakest
from picojoule.search.explore.amounts import total

__all__ = ["NODES_NM", "UnitArea", "mac_energy_j", "mac_um2", "memory_um2", "sram_exponents"]

NODES_NM = (7.0, 65.0)
"""Nodes that areas are scaled to. Beyond them nothing at hand says how."""

REGISTERS_BYTES, MACRO_BYTES = 256, 4096
"""Up to the first, memories are flip-flops; below the second, an SRAM's periphery outweighs its
cells, and the interval spans both."""


class UnitArea(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One published area in µm², of an operation or of a bit."""

    what: str
    kind: str
    node_nm: int
    um2: float
    low: float
    high: float
    source: str
    evidence: str


@cache
def sram_exponents() -> tuple[float, float, float]:
    """(p, lowest, highest) of energy per bit ∝ size^p."""
    rows = [u for u in unit_energies() if u.what == "sram" and u.size_bytes]
    powers = []
    for node in {u.node_nm for u in rows}:
        of_node = sorted((u.size_bytes or 0, u.pj) for u in rows if u.node_nm == node)
        powers += [_slope(*a, *b) for a, b in itertools.pairwise(of_node)]
    at_45 = sorted((u.size_bytes or 0, u.pj) for u in rows if u.node_nm == 45)
    return _slope(*at_45[0], *at_45[-1]), min(powers), max(powers)


def mac_um2(kind: str, node_nm: float) -> Quantity:
    """µm² of one multiply-accumulate in a format, integers into 32 bits.

    Raises InputError for a format or a node without published areas.
    """
    rows = {(u.what, u.kind): u for u in _areas() if u.node_nm == 45}
    if fused := rows.get(("multiply-add", kind)):
        return _scaled(_quantity(fused), 45, node_nm)
    multiply = _between(kind, lambda k: _quantity(rows["multiply", k]), "area")
    add = _quantity(rows["add", "int32"])
    return _scaled(total([multiply, add], "µm²"), 45, node_nm)


def memory_um2(size_bytes: float, node_nm: float) -> Quantity:
    """µm² per bit of a memory of that size: flip-flops up to 256 bytes, SRAM above.

    Raises InputError for a node without published areas.
    """
    sram, register = _bit("sram", node_nm), _bit("register", node_nm)
    value = register if size_bytes <= REGISTERS_BYTES else sram
    if size_bytes >= MACRO_BYTES:
        return value
    worst = weakest(sram.evidence, register.evidence)
    return Quantity(value.value, sram.low, register.high, "µm²", worst)


def mac_energy_j(kind: str) -> Quantity:
    """Joules of a multiply-accumulate at 45 nm, integers into 32 bits: for ratios of formats.

    Raises InputError for a format without published energies.
    """
    if not kind.startswith("int"):
        return total([operation_j("multiply", kind, 45), operation_j("add", kind, 45)], "J")
    multiply = _between(kind, lambda k: operation_j("multiply", k, 45), "energy")
    return total([multiply, operation_j("add", "int32", 45)], "J")


@cache
def _areas() -> tuple[UnitArea, ...]:
    text = (resources.files("picojoule.search.explore") / "area.toml").read_text(encoding="utf-8")
    document = tomllib.loads(text)
    rows = msgspec.convert(document["unit"], list[UnitArea])
    return tuple(msgspec.structs.replace(u, source=document["sources"][u.source]) for u in rows)


def _bit(what: str, node_nm: float) -> Quantity:
    """The row of this node, or else that of 45 nm scaled."""
    rows = {u.node_nm: u for u in _areas() if u.what == what}
    found = rows.get(round(node_nm), rows[45])
    return _scaled(_quantity(found), found.node_nm, node_nm)


def _between(kind: str, of: Callable[[str], Quantity], what: str) -> Quantity:
    """What an integer of 8 to 32 bits takes, by a power law through both."""
    bits = int(kind[3:]) if re.fullmatch(r"int\d{1,3}", kind) else 0
    if not 8 <= bits <= 32:
        expected = "int8 to int32, float16, bfloat16 or float32"
        raise InputError(f"no {what} of a multiplier is published", got=kind, expected=expected)
    small, large = of("int8"), of("int32")
    share = math.log(bits / 8) / math.log(4)
    value, low, high = (
        a ** (1 - share) * b**share
        for a, b in ((small.value, large.value), (small.low, large.low), (small.high, large.high))
    )
    return Quantity(value, low, high, small.unit, weakest(small.evidence, large.evidence))


@cache
def _node_exponents() -> tuple[float, float, float]:
    """(q, lowest, highest) of area ∝ node^q: SRAM macros at 12 nm against 45 nm, and ideal."""
    at = {u.node_nm: u for u in _areas() if u.what == "sram"}
    low = _slope(12, at[12].high, 45, at[45].um2)
    return _slope(12, at[12].um2, 45, at[45].um2), low, 2.0


def _scaled(area: Quantity, from_nm: float, to_nm: float) -> Quantity:
    if not NODES_NM[0] <= to_nm <= NODES_NM[1]:
        expected = f"{NODES_NM[0]:g} to {NODES_NM[1]:g} nm"
        raise InputError("no areas are published", got=f"{to_nm:g} nm", expected=expected)
    if to_nm == from_nm:
        return area
    factors = [(to_nm / from_nm) ** q for q in _node_exponents()]
    low, high = area.low * min(factors), area.high * max(factors)
    return Quantity(area.value * factors[0], low, high, area.unit, Evidence.ASSUMED)


def _slope(x0: float, y0: float, x1: float, y1: float) -> float:
    return math.log(y1 / y0) / math.log(x1 / x0)


def _quantity(u: UnitArea) -> Quantity:
    return Quantity(u.um2, u.low, u.high, "µm²", Evidence.of(u.evidence))
