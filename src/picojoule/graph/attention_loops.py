"""The three loops of attention, as every front end that knows attention as one op writes them.

softmax(Q Kᵀ) V is two contractions with a softmax between them (Vaswani et al. 2017, eq. 1). The
scores and the probabilities are made and used inside one kernel (Dao et al. 2022), so they are
`on_chip`. Heads that share keys (GQA, MQA) are rows of one matrix product: b = batch × KV heads,
m = heads per KV head × queries. MACs are then those of the query heads, and K and V are read once
per KV head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from picojoule.formats import Format
from picojoule.graph.ir import Kind, Operand, Role

__all__ = ["Attention", "Loops"]


class Loops(NamedTuple):
    """One op without its name: what it does and over which loops. Inputs first, output last."""

    name: str
    kind: Kind
    dims: dict[str, int]
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Attention:
    """Sizes of one attention: `b` key-value heads in all, of each `m` query rows against `n` keys
    of width `k` and values of width `v`.

    cached: keys and values are read from a cache (Role.STATE). tokens: keys per head that are
    read from memory, when not all `n`. shared: the values are a part of the keys that is already
    on chip (latent attention).
    """

    b: int
    m: int
    n: int
    k: int
    v: int
    format: Format
    cached: bool = False
    tokens: int | None = None
    shared: bool = False

    def loops(self) -> tuple[Loops, Loops, Loops]:
        """Scores, softmax and context, each one reading the one before."""
        keys = self._memory(("b", "n", "k"), self.k)
        values = self._memory(("b", "k", "n"), self.v, on_chip=self.shared)
        square = {"b": self.b, "m": self.m, "n": self.n}
        return (
            Loops(
                "scores",
                Kind.MATMUL,
                {**square, "k": self.k},
                (
                    self._at(("b", "m", "k"), Role.INPUT),
                    keys,
                    self._chip(("b", "m", "n"), out=True),
                ),
            ),
            Loops(
                "softmax",
                Kind.SOFTMAX,
                square,
                (self._chip(("b", "m", "n")), self._chip(("b", "m", "n"), out=True)),
            ),
            Loops(
                "context",
                Kind.MATMUL,
                {"b": self.b, "m": self.m, "n": self.v, "k": self.n},
                (self._chip(("b", "m", "k")), values, self._at(("b", "m", "n"), Role.OUTPUT)),
            ),
        )

    def _at(self, dims: tuple[str, ...], role: Role) -> Operand:
        return Operand(dims, self.format, role)

    def _chip(self, dims: tuple[str, ...], *, out: bool = False) -> Operand:
        return Operand(dims, self.format, Role.OUTPUT if out else Role.INPUT, on_chip=True)

    def _memory(self, dims: tuple[str, ...], width: int, *, on_chip: bool = False) -> Operand:
        stored = None if self.tokens is None else self.b * self.tokens * width
        role = Role.STATE if self.cached else Role.INPUT
        return Operand(dims, self.format, role, stored=stored, on_chip=on_chip)
