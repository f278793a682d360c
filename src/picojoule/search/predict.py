"""Predicted energy of every recipe, before anything is built: it orders and prunes the search."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest
from typing import Any

from picojoule.chips import Chip
from picojoule.cost import estimate
from picojoule.graph import Graph
from picojoule.ledger import Ledger
from picojoule.quantity import Quantity
from picojoule.search.candidate import Candidate, Recipe
from picojoule.transforms import retarget

__all__ = ["predict", "shortlist"]


def predict(
    recipes: Iterable[Recipe], graphs: dict[float, Graph], chip: Chip
) -> dict[Recipe, Ledger]:
    """The ledger of each recipe on `chip`. graphs: the traced model by pruning ratio.

    A runtime that the chip has no constants for is priced as the chip's default.
    """
    return {
        r: estimate(
            retarget(graphs[r.prune_ratio], r.precision),
            chip,
            runtime=r.runtime if r.runtime in chip.runtime else None,
        )
        for r in recipes
        if r.prune_ratio in graphs
    }


def shortlist(
    predicted: dict[Recipe, Quantity], keep: int, always: set[Recipe]
) -> tuple[list[Recipe], list[Candidate]]:
    """The recipes to build, least predicted energy first, and the others as skipped candidates.

    `always` are built whatever their prediction: a baseline has to be measured. The other places
    go in turns to the best whole and the best pruned recipe, since a prediction knows energy and
    not which of the two will hold its accuracy.
    """
    ranked = sorted(predicted, key=lambda r: _rank(predicted[r]))
    whole = [r for r in ranked if r not in always and not r.prune_ratio]
    pruned = [r for r in ranked if r not in always and r.prune_ratio]
    turns = [r for pair in zip_longest(whole, pruned) for r in pair if r is not None]
    wanted = turns[: max(keep - len(always), 0)]
    chosen = [r for r in ranked if r in always or r in wanted]
    skipped = [
        Candidate(
            r, "skipped", f"predicted rank {i + 1} of {len(ranked)}; {keep} are built",
            predicted_energy=predicted[r],
        )
        for i, r in enumerate(ranked)
        if r not in chosen
    ]  # fmt: skip
    return chosen, skipped


def _rank(energy: Quantity) -> tuple[bool, Any]:
    unknown = energy.value != energy.value
    return (unknown, energy.value)
