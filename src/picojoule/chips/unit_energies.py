"""Published energies of one operation, one bit, one synaptic operation, as they disagree.

Every row of `units/*.toml` is a value with its range, what it means, its source and its evidence.
Queries return quantities in joules whose interval spans all rows that answer the question, so a
"DRAM access" is never one number.

Scaling between nodes follows E ∝ node^p. p comes from the operations that have both a 45 nm and a
7 nm row: 0.57 as the mean of eight arithmetic operations, 0.40 and 0.78 as the extremes
of them. A node that shrinks 6.4 times saves 2 to 4 times, not 6.4² times. SRAM scales by its own
rows, and worse where it is small; DRAM does not follow the logic node.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib import resources

import msgspec

from picojoule.errors import InputError, nearest
from picojoule.quantity import Evidence, Quantity, weakest

__all__ = [
    "UnitEnergy",
    "dram_j_per_bit",
    "operation_j",
    "scale",
    "scaling_exponents",
    "sram_j_per_bit",
    "unit_energies",
]

_OLDEST_NM, _NEWEST_NM = 180.0, 2.0


class UnitEnergy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One published number. what: "add", "multiply", "sram", "dram", "synaptic operation"...

    kind: the format, the kind of memory, or the chip. pj: per operation, or per bit for memories.
    node_nm, size_bytes: None where the source doesn't say, or it doesn't apply.
    """

    what: str
    kind: str
    pj: float
    source: str
    evidence: str
    definition: str = ""
    node_nm: int | None = None
    size_bytes: int | None = None
    low: float | None = None
    high: float | None = None


@cache
def unit_energies() -> tuple[UnitEnergy, ...]:
    """All rows, arithmetic first."""
    folder = resources.files("picojoule.chips") / "units"
    return tuple(
        row
        for name in ("arithmetic", "memory", "neuromorphic")
        for row in _rows((folder / f"{name}.toml").read_text())
    )


def operation_j(what: str, kind: str, node_nm: int | None = None) -> Quantity:
    """Joules of an operation: `operation_j("multiply", "float32", 45)`.

    Its value is the geometric mean of the rows that match, its interval spans them all. node_nm:
    None takes the rows of every node. Raises InputError where nothing is published.
    """
    rows = [u for u in unit_energies() if u.what == what and u.kind == kind]
    if not rows:
        known = sorted({f"{u.what} {u.kind}" for u in unit_energies()})
        raise InputError(f"no energy of {what} {kind}", fix=nearest(f"{what} {kind}", known))
    found = [u for u in rows if node_nm is None or u.node_nm == node_nm]
    if not found:
        nodes = ", ".join(sorted({f"{u.node_nm} nm" for u in rows}))
        raise InputError(f"no energy of {what} {kind}", got=f"{node_nm} nm", expected=nodes)
    return _spanned(found)


def dram_j_per_bit(kind: str | None = None) -> Quantity:
    """Joules per bit of one kind of DRAM, or of any: then 3.6 to 40.6 pJ. Raises InputError for
    an unknown kind."""
    if kind is not None:
        return operation_j("dram", kind)
    return _spanned([u for u in unit_energies() if u.what == "dram"])


def sram_j_per_bit(size_bytes: float, node_nm: int = 45) -> Quantity:
    """Joules to read one bit from an SRAM, between two published sizes by a power law.

    The interval is that of the neighbours. Raises InputError outside of the published sizes of
    the node, and for a node without any.
    """
    rows = [u for u in unit_energies() if u.what == "sram" and u.node_nm == node_nm]
    sizes = sorted((u.size_bytes, u) for u in rows if u.size_bytes is not None)
    if len(sizes) < 2:
        raise InputError("no SRAM sizes are published", got=f"{node_nm} nm", expected="45 or 7 nm")
    if not sizes[0][0] <= size_bytes <= sizes[-1][0]:
        raise InputError(
            "no SRAM of this size is published", got=size_bytes,
            expected=f"{sizes[0][0]} to {sizes[-1][0]} bytes",
        )  # fmt: skip
    at = max(i for i, (s, _) in enumerate(sizes[:-1]) if s <= size_bytes)
    (s0, u0), (s1, u1) = sizes[at], sizes[at + 1]
    share = math.log(size_bytes / s0) / math.log(s1 / s0)
    ends = _spanned([u0, u1])
    value = 1e-12 * u0.pj ** (1 - share) * u1.pj**share
    return Quantity(value, ends.low, ends.high, "J", ends.evidence)


def scaling_exponents() -> tuple[float, float, float]:
    """(p, lowest, highest) of E ∝ node^p over the arithmetic rows that have 45 and 7 nm."""
    at = {(u.what, u.kind, u.node_nm): u.pj for u in unit_energies() if u.what != "sram"}
    pairs = [(at[w, k, 45], e) for (w, k, nm), e in at.items() if nm == 7 and (w, k, 45) in at]
    powers = [math.log(old / new) / math.log(45 / 7) for old, new in pairs]
    return math.fsum(powers) / len(powers), min(powers), max(powers)


def scale(energy_pj: float, from_nm: float, to_nm: float) -> Quantity:
    """Joules of an arithmetic operation on another node, from its picojoules on one.

    MODELLED between 45 and 7 nm, where the exponent was observed, and ASSUMED outside. Raises
    InputError for an energy or a node that is not possible.
    """
    if not (math.isfinite(energy_pj) and energy_pj > 0):
        raise InputError("not an energy", got=energy_pj, expected="picojoules above 0")
    for nm in (from_nm, to_nm):
        if not _NEWEST_NM <= nm <= _OLDEST_NM:
            expected = f"{_NEWEST_NM:g} to {_OLDEST_NM:g} nm"
            raise InputError("unknown process node", got=f"{nm} nm", expected=expected)
    ends = [1e-12 * energy_pj * (to_nm / from_nm) ** p for p in scaling_exponents()]
    observed = all(7 <= nm <= 45 for nm in (from_nm, to_nm))
    evidence = Evidence.MODELLED if observed else Evidence.ASSUMED
    return Quantity(ends[0], min(ends), max(ends), "J", evidence)


def _rows(text: str) -> list[UnitEnergy]:
    document = tomllib.loads(text)
    sources = document["sources"]
    rows = msgspec.convert(document["unit"], list[UnitEnergy])
    return [msgspec.structs.replace(u, source=sources[u.source]) for u in rows]


def _spanned(rows: Sequence[UnitEnergy]) -> Quantity:
    value = math.exp(math.fsum(math.log(u.pj) for u in rows) / len(rows))
    low = min(u.low if u.low is not None else u.pj for u in rows)
    high = max(u.high if u.high is not None else u.pj for u in rows)
    evidence = weakest(*(Evidence.of(u.evidence) for u in rows))
    return Quantity(1e-12 * value, 1e-12 * low, 1e-12 * high, "J", evidence)
