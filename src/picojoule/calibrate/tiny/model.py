"""Joules = joules per cycle of a system × Σ over layer kinds (MACs × cycles per MAC).

A system is a board as submitted: clock, voltage, software, round. Cycles per MAC are shared by
all, and lean by class of core (Cortex-M and the like, or an accelerator) and by software; joules
per cycle lean on the board's. All constants are positive and fitted together to log joules, each
with a prior, so that 72 rows can tell only what they can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from picojoule.calibrate.measured_set import Floats
from picojoule.calibrate.tiny.networks import KINDS, work

__all__ = ["Constants", "Run", "fitted", "joules_of"]


@dataclass(frozen=True, slots=True)
class Run:
    """A network on a board as submitted. volts: 0 where not said. round: not compared, so that a
    result that is submitted again is seen to be a copy.
    """

    network: str
    board: str
    core: str
    clock_mhz: float
    volts: float
    software: str
    notes: str
    round: str = field(default="", compare=False)

    @property
    def system(self) -> str:
        """Everything but the network."""
        return " | ".join(
            (self.board, f"{self.clock_mhz:g} MHz", self.software, self.notes, self.round)
        )


class Constants(msgspec.Struct, frozen=True):
    """cycles: of a MAC of each kind, and of a layer. cores, software: factors of these.
    tuned: factor of a "software network". boards: joules a cycle at 3 V; systems: as measured.
    """

    cycles: dict[str, float]
    cores: dict[str, dict[str, float]]
    software: dict[str, dict[str, float]]
    tuned: dict[str, float]
    boards: dict[str, float]
    systems: dict[str, float]


# Cycles per MAC of int8 kernels on a Cortex-M4, and cycles a layer (Lai et al., arXiv 1801.06601,
# sections 3 and 4: about 2 to 3 a MAC where it is a matrix product), and their spread (log).
_CYCLES = np.log([3.0, 2.2, 2.5, 6.0, 3000.0])
_COMMON, _SOFTWARE, _TUNED = 0.3, 0.25, 0.2
_CORE = {"mcu": 0.1, "accelerator": 0.8}
# An accelerator multiplies many inputs with one weight: that helps convolutions, not dense layers
# (each weight is read for one MAC), nor depthwise ones as much (no sum over channels).
_REUSE = {"mcu": np.zeros(5), "accelerator": np.log([1.0, 0.4, 0.4, 1.0, 1.0])}
_JOULES = np.log(0.3e-9)  # a cycle of such a core at 3 V; 3 is a spread of e³, so nearly free
_BOARD, _SYSTEM, _NOISE = 3.0, 0.3, 0.06


def _volts(runs: Sequence[Run]) -> Floats:
    """log of volts over 3: behind a linear regulator the current is what the core draws."""
    return np.log([(r.volts or 3.0) / 3.0 for r in runs])


class _Index:
    """Where each constant stands in the fitted vector, which is 0 at the prior."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self.work = np.log(np.maximum([work(r.network) for r in runs], 1e-30))
        self.volts = _volts(runs)
        self.cores, self.core = _unique([r.core for r in runs])
        self.reuse = np.array([_REUSE[c] for c in self.cores])
        self.tools, self.tool = _unique([r.software for r in runs])
        self.pairs, self.pair = _unique([f"{r.software} {r.network}" for r in runs])
        self.boards, self.board = _unique([r.board for r in runs])
        self.systems, self.system = _unique([r.system for r in runs])
        kinds = len(KINDS)
        sizes = [kinds, kinds * len(self.cores), kinds * len(self.tools)]
        sizes += [len(self.pairs), len(self.boards), len(self.systems)]
        self.ends = np.cumsum(sizes)[:-1]
        cores = np.repeat([_CORE[c] for c in self.cores], kinds)
        spread = ([_COMMON], cores, [_SOFTWARE], [_TUNED], [_BOARD], [_SYSTEM])
        self.scale = np.concatenate(
            [np.resize(np.array(s, float), n) for s, n in zip(spread, sizes, strict=True)]
        )

    def parts(self, x: Floats) -> list[Floats]:
        common, cores, tools, *rest = np.split(x, self.ends)
        shape = (-1, len(KINDS))
        return [common, self.reuse + cores.reshape(shape), tools.reshape(shape), *rest]

    def logs(self, x: Floats) -> tuple[Floats, Floats]:
        """Log joules of each row, and the shares of the kinds in them."""
        common, cores, tools, pairs, boards, systems = self.parts(x)
        terms = self.work + _CYCLES + common + cores[self.core] + tools[self.tool]
        total = np.logaddexp.reduce(terms, axis=1)
        scale = _JOULES + self.volts + boards[self.board] + systems[self.system]
        scale += pairs[self.pair]
        return total + scale, np.exp(terms - total[:, None])

    def slopes(self, x: Floats) -> Floats:
        """Derivatives of the log joules: a kind moves them by its share."""
        _, share = self.logs(x)
        rows, kinds = np.arange(len(share)), np.arange(len(KINDS))
        out = np.zeros((len(share), x.size))
        out[:, : len(KINDS)] = share
        for start, index in ((self.ends[0], self.core), (self.ends[1], self.tool)):
            out[rows[:, None], start + index[:, None] * len(KINDS) + kinds] = share
        for start, index in zip(self.ends[2:], (self.pair, self.board, self.system), strict=True):
            out[rows, start + index] = 1.0
        return out

    def constants(self, x: Floats) -> Constants:
        common, cores, tools, pairs, boards, systems = self.parts(x)
        volts = dict(zip(self.system.tolist(), self.volts.tolist(), strict=True))
        board = dict(zip(self.system.tolist(), self.board.tolist(), strict=True))
        return Constants(
            _named(KINDS, _CYCLES + common),
            {c: _named(KINDS, v) for c, v in zip(self.cores, cores, strict=True)},
            {s: _named(KINDS, v) for s, v in zip(self.tools, tools, strict=True)},
            _named(self.pairs, pairs),
            _named(self.boards, _JOULES + boards),
            {
                name: float(np.exp(_JOULES + volts[i] + boards[board[i]] + systems[i]))
                for i, name in enumerate(self.systems)
            },
        )


def fitted(runs: Sequence[Run], energy_j: Floats) -> Constants:
    """Fit all constants. energy_j: joules an inference, positive."""
    index = _Index(runs)
    target = np.log(energy_j)

    def residuals(x: Floats) -> Floats:
        return np.concatenate([(index.logs(x)[0] - target) / _NOISE, x / index.scale])

    def slopes(x: Floats) -> Floats:
        return np.vstack([index.slopes(x) / _NOISE, np.diag(1.0 / index.scale)])

    start = np.zeros(index.scale.size)
    found = least_squares(residuals, start, slopes, method="lm", ftol=1e-4, max_nfev=60)
    return index.constants(np.asarray(found.x, float))


def joules_of(known: Constants, runs: Sequence[Run]) -> Floats:
    """Joules an inference; NaN for a board without constants."""
    cycles = np.array([known.cycles[k] for k in KINDS])
    plain = dict.fromkeys(KINDS, 1.0)
    factor = np.array(
        [
            [
                known.cores.get(r.core, plain)[k] * known.software.get(r.software, plain)[k]
                for k in KINDS
            ]
            for r in runs
        ]
    )
    total = (np.array([work(r.network) for r in runs]) * cycles * factor).sum(axis=1)
    total *= [known.tuned.get(f"{r.software} {r.network}", 1.0) for r in runs]
    volts = np.exp(_volts(runs))
    later = {name.rsplit(" | ", 1)[0]: value for name, value in sorted(known.systems.items())}

    def each(run: Run, volt: float) -> float:
        """The system, else the same one in the latest other round, else its board."""
        other = later.get(run.system.rsplit(" | ", 1)[0])
        board = known.boards.get(run.board, np.nan) * volt
        return known.systems.get(run.system, board if other is None else other)

    scale = np.array([each(r, v) for r, v in zip(runs, volts.tolist(), strict=True)])
    return np.asarray(total * scale, float)


def _named(names: Sequence[str], logs: Floats) -> dict[str, float]:
    return dict(zip(names, np.exp(logs).tolist(), strict=True))


def _unique(names: Sequence[str]) -> tuple[list[str], NDArray[np.intp]]:
    found, index = np.unique(list(names), return_inverse=True)
    return found.tolist(), index
