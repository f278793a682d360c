"""Loop orders: the turns of each dim as factors, and the orders in which they can stand."""

from __future__ import annotations

import itertools
import math
from functools import cache

import numpy as np

from picojoule.cost.spatial.reuse import Orders, Setup
from picojoule.ledger import Array

__all__ = [
    "Loop",
    "all_orders",
    "expand",
    "loops_of",
    "merged",
    "moves",
    "orders_of",
    "random_orders",
]

Loop = tuple[int, float]  # dim, turns

_LARGE = 31  # a larger prime is cut in two, the second part with a shorter last turn


def loops_of(setup: Setup) -> list[Loop]:
    """Prime factors of the turns that remain of each dim beside its spread; a loop of one turn
    where none do."""
    turns = np.round(np.array(setup.nest.extents) / setup.spread.prod(axis=0)).astype(int)
    return [(d, f) for d, t in enumerate(turns.tolist()) for f in factors(t)] or [(0, 1.0)]


@cache
def factors(number: int) -> tuple[float, ...]:
    """Prime factors, smallest first. A prime above 31 becomes a whole number and a quotient: a
    tile of the mean size, whose last turn is shorter."""
    found: list[float] = []
    divisor = 2
    while divisor * divisor <= number:
        while number % divisor == 0:
            found.append(float(divisor))
            number //= divisor
        divisor += 1
    if number > _LARGE:
        part = math.isqrt(number)
        return (*found, float(part), number / part)
    return (*found, float(number)) if number > 1 else tuple(found)


def merged(loops: list[Loop], most: int) -> list[Loop]:
    """At most `most` loops: the two smallest of the dim with the most become one, repeatedly."""
    loops = list(loops)
    while len(loops) > most:
        counts = {d: sum(o == d for o, _ in loops) for d, _ in loops}
        dim = max(counts, key=lambda d: counts[d])
        if counts[dim] == 1:
            break
        mine = sorted(f for d, f in loops if d == dim)
        rest = [loop for loop in loops if loop[0] != dim]
        loops = [*rest, (dim, mine[0] * mine[1]), *((dim, f) for f in mine[2:])]
    return loops


def orders_of(lists: list[list[Loop]], dims: int) -> Orders:
    """Orders from loop lists of one length."""
    array = np.array(lists, dtype=float).reshape(len(lists), -1, 2)
    return Orders(array[..., 0].astype(np.intp), array[..., 1], dims)


def all_orders(setup: Setup, loops: list[Loop]) -> Orders:
    """Every distinct order of `loops`."""
    chosen = _permutations(len(loops))
    for same in {loop: [i for i, o in enumerate(loops) if o == loop] for loop in loops}.values():
        place = chosen.argsort(axis=1)[:, same]
        chosen = chosen[(np.diff(place, axis=1) > 0).all(axis=1)]
    table = np.array(loops, dtype=float).reshape(len(loops), 2)[chosen]
    return Orders(table[..., 0].astype(np.intp), table[..., 1], len(setup.nest.names))


@cache
def _permutations(n: int) -> Array:
    return np.array(list(itertools.permutations(range(n))), dtype=np.intp).reshape(
        math.factorial(n), n
    )


def random_orders(setup: Setup, loops: list[Loop], count: int) -> Orders:
    """`count` orders of `loops`; the same ones every time."""
    table = np.array(loops, dtype=float).reshape(-1, 2)
    rank = np.random.default_rng(0).random((count, len(loops))).argsort(axis=1)
    return Orders(table[rank, 0].astype(np.intp), table[rank, 1], len(setup.nest.names))


def expand(loops: list[Loop]) -> list[Loop]:
    """The same order with every loop as its prime factors, smallest inside."""
    return [(d, f) for d, t in loops for f in (factors(round(t)) if t == round(t) else (t,))]


def moves(loops: list[Loop]) -> list[list[Loop]]:
    """All orders that differ by moving one loop or by swapping two, each once."""
    found: dict[tuple[Loop, ...], list[Loop]] = {}
    for i, loop in enumerate(loops):
        rest = loops[:i] + loops[i + 1 :]
        for j in range(len(loops)):
            moved = [*rest[:j], loop, *rest[j:]]
            swapped = loops.copy()
            swapped[i], swapped[j] = swapped[j], swapped[i]
            found |= {tuple(moved): moved, tuple(swapped): swapped}
    return list(found.values())
