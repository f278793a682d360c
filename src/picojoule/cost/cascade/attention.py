"""softmax(Q Kᵀ) V as cascades of einsums: the same function in three, two and one pass.

Ranks: B heads of all sequences, P queries, M keys, E width of queries and keys, F width of
values. A one-pass cascade cuts M into M1 tiles of M0 and carries a running maximum, sum and
result from tile to tile (Milakov and Gimelshein, arXiv 1805.02867; Dao et al., 2022). Names are
those of Nayak et al., "FuseMax", MICRO 2024: R running, L local to a tile, S of the softmax, P of
the previous tile, N numerator, D denominator.
"""

from __future__ import annotations

from typing import NamedTuple

from picojoule.cost.cascade.einsum import Cascade, Einsum
from picojoule.errors import InputError

__all__ = [
    "ONE_PASS", "SOFTMAX_THREE_PASS", "SOFTMAX_TWO_PASS", "THREE_PASS", "TWO_PASS", "Shape",
]  # fmt: skip

_MAC, _ADD, _MAX, _DIVIDE = {"mac": 1}, {"add": 1}, {"max": 1}, {"divide": 1}
_EXP_UNIT = {"add": 1, "exp": 1}
_EXP_MACS = {"mac": 6, "add": 1}  # a subtraction and an exponential of six multiply-adds


class Shape(NamedTuple):
    """Sizes of one attention: heads of all sequences, queries, keys, widths of keys and values."""

    b: int
    p: int
    m: int
    e: int
    f: int

    def check(self) -> Shape:
        """Itself. Raises InputError unless all sizes are at least 1."""
        if min(self) < 1:
            raise InputError("attention of no size", got=self._asdict(), expected="sizes >= 1")
        return self

    def extents(self, side: int) -> dict[str, int]:
        """Extents of all ranks, with M cut into tiles of `side`; the last tile may be padding."""
        tiles = -(-self.m // side)
        sizes = {"B": self.b, "P": self.p, "M": self.m, "E": self.e, "F": self.f}
        return {**sizes, "M1": tiles, "M0": side}


_SCORES = ("B", "M", "P")
_ROW = ("B", "P")
_READ_QK = {"Q": ("B", "E", "P"), "K": ("B", "E", "M")}

_SOFTMAX = (
    Einsum("QK", _SCORES, _READ_QK, _MAC),
    Einsum("GM", _ROW, {"QK": _SCORES}, _MAX),
    Einsum("SN", _SCORES, {"QK": _SCORES, "GM": _ROW}, _EXP_UNIT, cycles=1),
    Einsum("SD", _ROW, {"SN": _SCORES}, _ADD),
)

THREE_PASS = Cascade(
    "three-pass attention",
    (
        *_SOFTMAX,
        Einsum("A", _SCORES, {"SN": _SCORES, "SD": _ROW}, _DIVIDE),
        Einsum("AV", ("B", "F", "P"), {"A": _SCORES, "V": ("B", "F", "M")}, _MAC),
    ),
)

TWO_PASS = Cascade(
    "two-pass attention",  # the division is put off until after the sum over M
    (
        *_SOFTMAX,
        Einsum("SNV", ("B", "F", "P"), {"SN": _SCORES, "V": ("B", "F", "M")}, _MAC),
        Einsum("AV", ("B", "F", "P"), {"SNV": ("B", "F", "P"), "SD": _ROW}, _DIVIDE),
    ),
)

_TILE = ("B", "M1", "M0", "P")
_RUN = ("B", "M1", "P")
_RUN_V = ("B", "F", "M1", "P")

ONE_PASS = Cascade(
    "one-pass attention",
    (
        Einsum("QK", _TILE, {"Q": ("B", "E", "P"), "K": ("B", "E", "M1", "M0")}, _MAC),
        Einsum("LM", _RUN, {"QK": _TILE}, _MAX),
        Einsum("RM", _RUN, {"LM": _RUN}, _MAX, previous=("RM",)),
        Einsum("SLN", _TILE, {"QK": _TILE, "RM": _RUN}, _EXP_MACS),
        Einsum("SLD", _RUN, {"SLN": _TILE}, _ADD),
        Einsum("SLNV", _RUN_V, {"SLN": _TILE, "V": ("B", "F", "M1", "M0")}, _MAC),
        Einsum("PRM", _RUN, {"RM": _RUN}, _EXP_MACS, previous=("RM",)),
        Einsum("SPD", _RUN, {"PRM": _RUN}, _MAC, previous=("RD",)),
        Einsum("RD", _RUN, {"SLD": _RUN, "SPD": _RUN}, _ADD),
        Einsum("SPNV", _RUN_V, {"PRM": _RUN}, _MAC, previous=("RNV",)),
        Einsum("RNV", _RUN_V, {"SLNV": _RUN_V, "SPNV": _RUN_V}, _ADD),
        Einsum("AV", ("B", "F", "P"), {"RNV": ("B", "F", "P"), "RD": _ROW}, _DIVIDE),
    ),
)

SOFTMAX_THREE_PASS = Cascade(
    "three-pass softmax",  # exponentials are computed again, not kept
    (
        Einsum("GM", (), {"X": ("M",)}, _MAX),
        Einsum("SD", (), {"X": ("M",), "GM": ()}, {"add": 2, "exp": 1}),
        Einsum("Y", ("M",), {"X": ("M",), "GM": (), "SD": ()}, {**_EXP_UNIT, "divide": 1}),
    ),
)

SOFTMAX_TWO_PASS = Cascade(
    "two-pass softmax",  # the sum is a pair m·2ⁿ that can't overflow, so no maximum is awaited
    (
        Einsum("SD", ("M",), {"X": ("M",)}, {"add": 1, "exp": 1}, previous=("SD",)),
        Einsum("Y", ("M",), {"X": ("M",), "SD": ()}, {"exp": 1, "divide": 1}),
    ),
)
