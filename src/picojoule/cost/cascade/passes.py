"""How often a cascade must traverse a rank: a lower bound from its dependencies.

An einsum that needs the end of a reduction over a rank can't begin to traverse that rank before
the reduction has ended, so it belongs to a later pass. An einsum that indexes what it reads by
the rank runs along with its maker, in the same pass. The longest chain of awaited ends is the
least number of passes over a fiber of the rank, whatever the schedule (the analysis of Nayak et
al., "FuseMax", MICRO 2024, as a longest path). What crosses passes is kept whole, or moved again.
"""

from __future__ import annotations

from picojoule.cost.cascade.einsum import Cascade, Einsum
from picojoule.errors import InputError

__all__ = ["crossing", "pass_of", "passes"]


def pass_of(cascade: Cascade, rank: str) -> dict[str, int]:
    """The earliest pass over `rank` in which each einsum can run, from 1.

    For an einsum that doesn't loop over the rank, the pass after whose end it can run; 0 where
    it needs none. Raises InputError for a recurrence that must await its own end.
    """
    earliest = {e.name: 0 for e in cascade.einsums}
    for _ in range(len(earliest) + 1):
        before = dict(earliest)
        for einsum in cascade.einsums:
            earliest[einsum.name] = _earliest(einsum, rank, earliest)
        if earliest == before:
            return earliest
    raise InputError(f"a recurrence awaits its own end over {rank!r}", where=cascade.name)


def _earliest(einsum: Einsum, rank: str, earliest: dict[str, int]) -> int:
    """At least the pass of all that it reads; one later than what has to end first."""
    loops = rank in einsum.loops
    reads = {**einsum.reads, **dict.fromkeys(einsum.previous, einsum.ranks)}
    waits = (
        earliest.get(tensor, 0) + (loops and rank not in ranks) for tensor, ranks in reads.items()
    )
    return max([int(loops), *waits])


def passes(cascade: Cascade, rank: str) -> int:
    """The least number of passes over `rank`; 0 when no einsum loops over it."""
    return max(pass_of(cascade, rank).values(), default=0)


def crossing(cascade: Cascade, rank: str) -> tuple[frozenset[str], ...]:
    """For each boundary between two passes over `rank`, the tensors indexed by it that cross.

    A tensor from outside crosses from its first reader on, and each boundary is one between
    einsums that run in their earliest pass.
    """
    when = pass_of(cascade, rank)
    spans = [_span(cascade, tensor, rank, when) for tensor in _tensors(cascade)]
    named = list(zip(_tensors(cascade), spans, strict=True))
    return tuple(
        frozenset(tensor for tensor, (first, last) in named if first <= boundary < last)
        for boundary in range(1, passes(cascade, rank))
    )


def _tensors(cascade: Cascade) -> tuple[str, ...]:
    made = [e.name for e in cascade.einsums]
    return tuple(dict.fromkeys([*made, *(t for e in cascade.einsums for t in e.reads)]))


def _span(cascade: Cascade, tensor: str, rank: str, when: dict[str, int]) -> tuple[int, int]:
    """First and last pass in which `tensor` is indexed by `rank`; (0, 0) when it never is."""
    read = [when[e.name] for e in cascade.readers(tensor) if rank in e.reads[tensor]]
    made = [when[tensor]] if tensor in when and rank in cascade[tensor].ranks else []
    return (min([*made, *read]), max(read)) if read else (0, 0)
