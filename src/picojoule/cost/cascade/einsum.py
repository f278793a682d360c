"""A cascade: einsums, each of which reads tensors that earlier ones made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from picojoule.errors import InputError

__all__ = ["Cascade", "Einsum", "Ranks"]

Ranks = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Einsum:
    """One einsum. It makes the tensor of its own name.

    ranks: of its output. reads: the ranks by which it indexes each tensor that it reads; a rank
    that the maker loops over and the reader leaves out is read at its end (a finished reduction,
    or the last value of a recurrence). actions: what it does per point of its loops ("mac",
    "add", "max", "exp", "divide"). previous: tensors of which it also reads the value of the
    step before, by the ranks of its own output, which makes them recurrences. cycles: per point
    and lane; None takes one per action, and a pipelined unit says fewer.
    """

    name: str
    ranks: Ranks
    reads: Mapping[str, Ranks]
    actions: Mapping[str, int] = field(default_factory=dict)
    previous: tuple[str, ...] = ()
    cycles: int | None = None

    @property
    def loops(self) -> Ranks:
        """Ranks of its iteration space."""
        named = (self.ranks, *self.reads.values())
        return tuple(dict.fromkeys(rank for ranks in named for rank in ranks))

    @property
    def cycles_per_point(self) -> int:
        """Cycles of one lane for one point."""
        return sum(self.actions.values()) if self.cycles is None else self.cycles

    def points(self, extents: Mapping[str, int]) -> int:
        """Size of its iteration space."""
        return math.prod(extents[rank] for rank in self.loops)


@dataclass(frozen=True, slots=True)
class Cascade:
    """Einsums in an order in which they can run.

    Raises InputError when an einsum reads what is only made later (a cycle), reads the previous
    value of what nobody makes, or a name is used twice.
    """

    name: str
    einsums: tuple[Einsum, ...]

    def __post_init__(self) -> None:
        names = [e.name for e in self.einsums]
        if twice := {n for n in names if names.count(n) > 1}:
            raise InputError("two einsums make the same tensor", where=self.name, got=sorted(twice))
        for i, einsum in enumerate(self.einsums):
            if late := sorted(set(einsum.reads) & set(names[i + 1 :])):
                raise InputError(
                    f"einsum {einsum.name!r} reads what is made after it",
                    where=self.name,
                    got=", ".join(late),
                    expected="tensors from outside, or of earlier einsums",
                    fix="order the einsums by what they read; a cycle has no such order",
                )
            if unmade := sorted(set(einsum.previous) - set(names)):
                what = f"einsum {einsum.name!r} reads the previous value of what nothing makes"
                raise InputError(what, where=self.name, got=", ".join(unmade))

    def __getitem__(self, name: str) -> Einsum:
        for einsum in self.einsums:
            if einsum.name == name:
                return einsum
        raise InputError(f"no einsum makes {name!r}", where=self.name)

    def readers(self, tensor: str) -> tuple[Einsum, ...]:
        """The einsums that read `tensor`."""
        return tuple(e for e in self.einsums if tensor in e.reads)

    @property
    def recurrences(self) -> frozenset[str]:
        """Tensors that are carried from one step to the next."""
        return frozenset(name for e in self.einsums for name in e.previous)
