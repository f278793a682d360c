"""PathLedger: what a mix of paths through stages costs, from probabilities or from a trace."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from picojoule.errors import InputError, nearest
from picojoule.ledger import Ledger, Row
from picojoule.policies.base import Stage

__all__ = ["Path", "PathLedger", "cascade"]

Path = tuple[str, ...]


def cascade(names: Sequence[str], goes_on: Sequence[float]) -> dict[Path, float]:
    """Paths of a cascade with their probabilities: each is the first few stages.

    goes_on: probability that the next stage runs after each stage but the last. Raises
    InputError if there are not one fewer of them than stages, or one is not a probability.
    """
    if len(goes_on) != len(names) - 1 or not all(0 <= p <= 1 for p in goes_on):
        raise InputError(
            "a cascade needs one probability between stages",
            got=list(goes_on),
            expected=f"{len(names) - 1} numbers in 0..1",
        )
    paths, reached = {}, 1.0
    for i, on in enumerate([*goes_on, 0.0], start=1):
        paths[tuple(names[:i])] = reached * (1 - on)
        reached *= on
    return paths


@dataclass(frozen=True)
class PathLedger:
    """Prices paths over the same stages. Raises InputError for two stages of one name."""

    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        if len({stage.name for stage in self.stages}) < len(self.stages):
            raise InputError("two stages have one name", got=[s.name for s in self.stages])

    def energy_j(self, path: Path) -> float:
        """Joules of one path; a stage counts as often as it is in it."""
        own = {stage.name: stage.energy_j for stage in self.stages}
        if unknown := [name for name in path if name not in own]:
            raise InputError(f"no stage is called {unknown[0]!r}", fix=nearest(unknown[0], own))
        return sum(own[name] for name in path)

    def expected(self, paths: Mapping[Path, float]) -> Ledger:
        """The mean run as a ledger, a row a stage; its count is the runs to expect of the stage.

        paths: probabilities of paths, which add up to 1. Raises InputError if they don't.
        """
        if not math.isclose(total := sum(paths.values()), 1.0, abs_tol=1e-9):
            raise InputError("the probabilities of the paths don't add up", got=total, expected=1)
        counts: Counter[str] = Counter()
        for path, probability in paths.items():
            self.energy_j(path)  # every stage is known
            for name in path:
                counts[name] += probability  # type: ignore[assignment]
        return self._ledger(counts, "expected")

    def traced(self, paths: Iterable[Path]) -> Ledger:
        """The mean of runs that took these paths. Raises InputError for no run."""
        seen = Counter(paths)
        if not (runs := seen.total()):
            raise InputError("no run to take the mean of")
        return self.expected({path: n / runs for path, n in seen.items()})

    def worst_j(self, paths: Iterable[Path]) -> float:
        """Joules of the costliest path."""
        return max(self.energy_j(path) for path in paths)

    def _ledger(self, counts: Mapping[str, float], what: str) -> Ledger:
        rows = []
        for stage in self.stages:
            runs = counts.get(stage.name, 0.0)
            joules, time_s = runs * stage.energy_j, runs * stage.time_s
            rows.append(
                Row(
                    stage.name, "stage", "system", runs, joules, joules, joules, stage.evidence,
                    time_s=time_s, low_s=time_s, high_s=time_s,
                )
            )  # fmt: skip
        return Ledger.of(rows, model="paths", method=what)
