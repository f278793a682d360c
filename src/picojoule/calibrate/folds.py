"""Leave one group out: which rows are in, which are out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

__all__ = ["folds"]


def folds(groups: Sequence[str]) -> Iterator[tuple[list[int], list[int]]]:
    """For each group, by name, the indices of its rows and of all others."""
    for name in sorted(set(groups)):
        inside = [i for i, group in enumerate(groups) if group == name]
        yield inside, [i for i, group in enumerate(groups) if group != name]
