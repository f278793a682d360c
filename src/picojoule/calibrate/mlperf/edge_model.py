"""Unit costs of boards, and what they say of a network, a runtime or a board that is new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from picojoule.calibrate.folds import folds
from picojoule.calibrate.interval import band
from picojoule.calibrate.measured_set import Floats, Predictions
from picojoule.calibrate.mlperf.boards import CHIPS
from picojoule.calibrate.mlperf.edge import Edge
from picojoule.calibrate.mlperf.edge_costs import (
    Costs,
    completed,
    fitted,
    log_j,
    means,
    with_few,
)
from picojoule.errors import nearest

__all__ = ["EdgeModel", "fit_edges"]

_UNKNOWN = (-1.0, 1.0)  # a band where nothing can be left out
_FEW, _DRAWS, _KINDS = (
    5,
    12,
    4,
)  # rows given of a board that is left out, how often, and kinds of band by count


class EdgeModel(msgspec.Struct, frozen=True):
    """Log joules of each part by key (see Edge.keys), and bands of log(measured / predicted).

    families: architectures that were fitted. own: runs with unit costs of their own. told: rows
    of the other runs, by machine, runtime and precision. seen, unseen: bands on own runs, of a
    fitted family at a new width, and of a new family. few: bands on the other runs, by 0, 1, 2
    and so on rows of the same machine, runtime and precision; the first where the runtime is new.
    """

    costs: dict[str, tuple[float, ...]]
    families: tuple[str, ...]
    own: tuple[str, ...]
    told: dict[str, int]
    seen: tuple[float, float]
    unseen: tuple[float, float]
    few: tuple[tuple[float, float], ...]

    def predict(self, configs: Sequence[Edge]) -> Predictions:
        """Joules an inference at the wall."""
        middle = log_j(self.costs, configs)
        known = np.array([self._knows(c) for c in configs], bool)
        middle[~known] = np.nan
        low, high = np.array([self._band(c) for c in configs]).reshape(-1, 2).T
        reasons = tuple(self._reason(c, bool(k)) for c, k in zip(configs, known, strict=True))
        return Predictions(np.exp(middle), np.exp(middle + low), np.exp(middle + high), reasons)

    def given(self, configs: Sequence[Edge], energy_j: Floats) -> EdgeModel:
        """The same model with measured rows of boards, new or known."""
        return msgspec.structs.replace(
            self,
            costs=with_few(self.costs, configs, energy_j),
            own=tuple(sorted(set(self.own) - {c.site.keys[0] for c in configs})),
            told=dict(Counter(self.told) + Counter(c.site.keys[1] for c in configs)),
        )

    def _knows(self, config: Edge) -> bool:
        """Whether the machine, or another one with its chip, has rows."""
        return any(key in self.costs for key in config.site.keys[:3])

    def _band(self, config: Edge) -> tuple[float, float]:
        run, on_machine, *_ = config.site.keys
        if run in self.own:
            return self.seen if config.family in self.families else self.unseen
        rows = self.told.get(on_machine, 0) if config.site.keys[3] in self.costs else 0
        return self.few[min(rows, len(self.few) - 1)]

    def _reason(self, config: Edge, known: bool) -> str | None:
        if not known:
            names = {key.split(" ")[0] for key in self.told} | {chip.name for chip in CHIPS}
            hint = nearest(config.machine[:80], names)
            what = f"board {config.machine[:80]!r} with {config.backend}"
            return f"no row of {what}; {hint} or give a few measured rows"
        if config.site.keys[0] in self.own:
            return None
        key = next(key for key in config.site.keys if key in self.costs)
        return f"this run has few rows or none: unit costs of {key}"


def fit_edges(configs: Sequence[Edge], energy_j: Floats) -> EdgeModel:
    """Fit unit costs to rows, with bands from families and boards that are left out."""
    costs, left = fitted(configs, energy_j)
    pairs = [f"{c.family} {c.site.keys[0]}" for c in configs]
    return EdgeModel(
        costs=completed(costs, configs, energy_j),
        families=tuple(sorted({c.family for c in configs})),
        own=tuple(sorted(costs)),
        told=dict(Counter(c.site.keys[1] for c in configs if c.site.keys[0] not in costs)),
        seen=_band(left, pairs),
        unseen=_band(_families_out(configs, energy_j), pairs),
        few=_machines_out(costs, configs, energy_j),
    )


def _band(off: Floats, groups: Sequence[str]) -> tuple[float, float]:
    known = np.flatnonzero(np.isfinite(off)).tolist()
    return band(off[known], [groups[i] for i in known]) if known else _UNKNOWN


def _families_out(configs: Sequence[Edge], energy_j: Floats) -> Floats:
    """Log residuals of runs with enough rows, each family predicted by a fit without it."""
    off = np.full(len(configs), np.nan)
    for inside, outside in folds([c.family for c in configs]):
        costs, _ = fitted([configs[i] for i in outside], energy_j[outside])
        rows = [i for i in inside if configs[i].site.keys[0] in costs]
        off[rows] = np.log(energy_j[rows]) - log_j(costs, [configs[i] for i in rows])
    return off


def _machines_out(
    costs: Costs, configs: Sequence[Edge], energy_j: Floats
) -> tuple[tuple[float, float], ...]:
    """Bands of machines whose chip is left out but for a few drawn rows, by rows of one kind."""
    random = np.random.default_rng(0)
    off: list[float] = []
    kinds: list[int] = []
    draws: list[str] = []
    for rows, _ in folds([c.machine for c in configs]):
        name, chip = configs[rows[0]].machine, configs[rows[0]].chip
        others = [c for c in configs if c.chip != chip]
        known = {c.site.keys[0]: costs[c.site.keys[0]] for c in others if c.site.keys[0] in costs}
        known = {**known, **means(known, others)}
        for draw in range(_DRAWS if len(rows) > 2 * _FEW and known else 0):
            order = random.permutation(rows).tolist()
            few, rest = [configs[i] for i in order[:_FEW]], [configs[i] for i in order[_FEW:]]
            leant = with_few(known, few, energy_j[order[:_FEW]])
            off += (np.log(energy_j[order[_FEW:]]) - log_j(leant, rest)).tolist()
            told = Counter(c.site.keys[1] for c in few)
            kinds += [
                min(told[c.site.keys[1]] * (c.site.keys[3] in known), _KINDS - 1) for c in rest
            ]
            draws += [f"{name} {draw}"] * len(rest)
    every, kind = np.array(off), np.array(kinds, int)
    inside = [np.flatnonzero(kind == k).tolist() for k in range(_KINDS)]
    return tuple(_band(every[rows], [draws[i] for i in rows]) for rows in inside)
