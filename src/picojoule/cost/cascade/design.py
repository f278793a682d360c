"""How a cascade is bound to an accelerator: three published designs, and what sets them apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from picojoule.cost.cascade.attention import ONE_PASS, THREE_PASS
from picojoule.cost.cascade.einsum import Cascade
from picojoule.errors import InputError, nearest

__all__ = [
    "DESIGNS", "FLAT", "FUSEMAX", "FUSEMAX_STALLED", "UNFUSED", "Array", "Design", "Kernel",
    "design",
]  # fmt: skip

Kernel = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Array:
    """The accelerator: a 2D array of side × side units, a 1D array of side lanes, a buffer.

    buffer_bytes: on-chip buffer shared by both arrays. word_bytes: bytes of one element. The
    arrays are as in Nayak et al., "FuseMax", MICRO 2024 (side 256, 16-bit words).
    """

    side: int
    buffer_bytes: float
    word_bytes: float = 2.0

    def __post_init__(self) -> None:
        if not (self.side >= 1 and self.buffer_bytes > 0 and self.word_bytes > 0):
            got = f"side {self.side}, buffer {self.buffer_bytes:g} B, word {self.word_bytes:g} B"
            raise InputError("an array of no size", got=got, expected="sizes above 0")


@dataclass(frozen=True, slots=True)
class Design:
    """A cascade on an Array.

    kernels: groups of einsums; what passes between kernels goes through main memory. A kernel is
    a sequence of stages; within a stage the two arrays work side by side, and the stage lasts as
    long as the busier one. Main memory works beside all stages of its kernel.
    matrix: einsums on the 2D array; the others run on the 1D array.
    tiles: copies of an array-sized tile that the buffer holds of each tensor that streams by.
    reuse: whether what streams by serves all query rows in the buffer, or only those in the array.
    overbook: fill the buffer with rows and let what no longer fits spill; else take fewer rows.
    waits: einsums whose last results drain through the array before the next stage starts.
    """

    name: str
    cascade: Cascade
    kernels: tuple[Kernel, ...]
    matrix: frozenset[str]
    tiles: tuple[tuple[str, int], ...] = ()
    reuse: Literal["buffer", "array"] = "buffer"
    overbook: bool = False
    waits: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        bound = sorted(name for kernel in self.kernels for stage in kernel for name in stage)
        made = sorted(e.name for e in self.cascade.einsums)
        if bound != made:
            odd = sorted(set(bound) ^ set(made)) or bound
            raise InputError("each einsum belongs to one stage", where=self.name, got=odd)

    @property
    def rank(self) -> str:
        """The rank whose fibers are traversed in passes: keys, or tiles of keys."""
        loops = {rank for e in self.cascade.einsums for rank in e.loops}
        return "M1" if "M1" in loops else "M"


UNFUSED = Design(
    "unfused",
    THREE_PASS,
    kernels=((("QK",),), (("GM", "SN", "SD", "A"),), (("AV",),)),
    matrix=frozenset({"QK", "AV"}),
)

FLAT = Design(
    "flat",  # Kao et al., ASPLOS 2023, as bound by Nayak et al.
    THREE_PASS,
    kernels=((("QK", "GM", "SN", "SD", "A", "AV"),),),
    matrix=frozenset({"QK", "AV"}),
    tiles=(("Q", 2), ("K", 2), ("V", 2), ("AV", 2)),
    reuse="array",
    overbook=True,
)

_MATRIX = frozenset({"QK", "LM", "SLN", "SLD", "SLNV"})

FUSEMAX = Design(
    "fusemax",
    ONE_PASS,
    kernels=(
        (
            ("QK", "LM", "RD", "RNV", "AV"),
            ("RM",),
            ("SLN", "SLD", "PRM", "SPD"),
            ("SLNV", "SPNV"),
        ),
    ),
    matrix=_MATRIX,
    tiles=(("K", 1), ("V", 1)),
)

FUSEMAX_STALLED = Design(
    "fusemax-stalled",  # "+Architecture": tiles are not interleaved, so the arrays wait
    ONE_PASS,
    kernels=(
        (
            ("QK", "LM", "RD", "AV"),
            ("RM",),
            ("SLN", "SLD", "PRM", "SPD"),
            ("SLNV", "SPNV", "RNV"),
        ),
    ),
    matrix=_MATRIX,
    tiles=(("K", 1), ("V", 1)),
    waits=("LM",),
)

DESIGNS = {d.name: d for d in (UNFUSED, FLAT, FUSEMAX, FUSEMAX_STALLED)}


def design(name: str) -> Design:
    """The design called `name`. Raises InputError with the nearest names."""
    if name not in DESIGNS:
        raise InputError(f"no attention design is called {name!r}", fix=nearest(name, DESIGNS))
    return DESIGNS[name]
