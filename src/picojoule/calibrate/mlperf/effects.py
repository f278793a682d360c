"""Joules as a sum of parts whose costs shift with what a row has in common with others.

    joules of a row = Σ_k part[k] · exp(base + Σ_l shift[level l of the row][k])

A level names something that rows share: a board, an accelerator, a workload on a chip family.
Its shift, one log factor a part, is normal around 0: the same for all parts with spread `scale`,
and on top of it different by part with spread `part`. So a level of few rows stays close to what
is known without it, and a new level is a draw of known spread. The fit is the maximum a
posteriori by Gauss-Newton steps, each a Gaussian process regression in the rows (Rasmussen &
Williams, Gaussian Processes for Machine Learning, 2006, eq. 2.23 and 2.39), with weights of a
Student t likelihood, so that odd rows lose their say (Lange, Little & Taylor, 1989).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve

from picojoule.calibrate.measured_set import Floats

__all__ = ["Effects", "Fit", "Spread", "fit"]

_FREEDOM = 4.0  # of Student's t: 1% of the rows may be several times the noise away
_START, _CALMER, _STEPS = 0.4, 0.6, 40


class Spread(msgspec.Struct, frozen=True):
    """Standard deviations of a level's log factors: of all parts together, of each part."""

    scale: float
    part: float


class Effects(msgspec.Struct, frozen=True):
    """Fitted shifts. base: log joules of a unit of any part. shifts: level -> one a part."""

    base: float
    shifts: dict[str, tuple[float, ...]]

    def of(self, levels: Sequence[Sequence[str]], parts: int) -> Floats:
        """Log cost of each part (rows × parts); a level that was never seen shifts nothing."""
        table = np.array([*self.shifts.values(), (0.0,) * parts], float)
        place = {name: i for i, name in enumerate(self.shifts)}
        rows = [[place.get(name, len(place)) for name in row] for row in levels]
        return np.asarray(self.base + table[np.array(rows, np.intp)].sum(axis=1), float)

    def log_j(self, parts: Floats, levels: Sequence[Sequence[str]]) -> Floats:
        """Log joules of each row. parts: rows × parts, in any fixed unit."""
        return np.asarray(np.log((parts * np.exp(self.of(levels, parts.shape[1]))).sum(1)), float)


@dataclass(frozen=True, slots=True)
class Fit:
    """Effects with what is needed to leave rows out. inverse: of the rows' covariance (n × n)."""

    effects: Effects
    inverse: Floats
    weighted: Floats

    def left_out(self, groups: Sequence[str]) -> Floats:
        """log(measured / predicted) of every row with its group left out, at the same shares.

        Closed form for a block of rows: Rasmussen & Williams, eq. 5.12, with a block for a row.
        """
        names = np.array(groups)
        answer = np.empty(names.size)
        for name in np.unique(names):
            block = np.flatnonzero(names == name)
            answer[block] = solve(
                self.inverse[np.ix_(block, block)], self.weighted[block], assume_a="pos"
            )
        return answer


def fit(
    parts: Floats,
    levels: Sequence[Sequence[str]],
    energy_j: Floats,
    spreads: Sequence[Spread],
    noise: float,
    base: float | None = None,
) -> Fit:
    """Fit shifts to rows. parts: rows × parts. levels: one name a spread, for each row.

    noise: log error of a good row. base: given, or such that the median row fits.
    """
    sites = _Sites(levels, spreads, parts.shape[1])
    log_e = np.log(energy_j)
    start = float(np.median(log_e - np.log(parts.sum(1)))) if base is None else base
    shifts = np.zeros((len(sites.names), parts.shape[1]))
    for step in range(_STEPS):
        calm = max(noise, _START * _CALMER**step)
        shares, off = _linear(parts, log_e, start, sites, shifts)
        weight = (_FREEDOM + 1.0) / (_FREEDOM + (off / calm) ** 2) / calm**2
        inverse: Floats = np.asarray(
            np.linalg.inv(sites.covariance(shares) + np.diag(1.0 / weight)), float
        )
        wanted = off + (shares * shifts[sites.index].sum(1)).sum(1)
        weighted = inverse @ wanted
        aim = sites.shifts(shares, weighted)

        def cost(at: Floats, calm: float = calm) -> float:
            away = _linear(parts, log_e, start, sites, at)[1]
            return sites.unlikely(at) + _student(away / calm)

        before = cost(shifts)
        shifts, after = _shorter(shifts, aim, cost, before)
        if calm == noise and before - after < 1e-3 * abs(before):
            break
    found = {name: tuple(row) for name, row in zip(sites.names, shifts.tolist(), strict=True)}
    return Fit(Effects(start, found), inverse, weighted)


class _Sites:
    """Which rows share which levels."""

    def __init__(
        self, levels: Sequence[Sequence[str]], spreads: Sequence[Spread], parts: int
    ) -> None:
        place: dict[str, int] = {}
        owner: list[int] = []
        for row in levels:
            for level, name in enumerate(row):
                if place.setdefault(name, len(place)) == len(owner):
                    owner.append(level)
        self.names = tuple(place)
        self.index: NDArray[np.intp] = np.array([[place[n] for n in row] for row in levels])
        scale = np.array([s.scale for s in spreads]) ** 2
        part = np.array([s.part for s in spreads]) ** 2
        self.scale, self.part = scale[owner], part[owner]
        self._parts = parts
        same = [column[:, None] == column[None, :] for column in self.index.T]
        self._all: Floats = sum(m * v for m, v in zip(same, scale, strict=True)) + 0.0
        self._each: Floats = sum(m * v for m, v in zip(same, part, strict=True)) + 0.0

    def covariance(self, shares: Floats) -> Floats:
        """Of the rows' log joules, where a part is `shares` of them (each row sums to 1)."""
        return np.asarray(self._all + self._each * (shares @ shares.T), float)

    def shifts(self, shares: Floats, weighted: Floats) -> Floats:
        """The levels' expected shifts, from inverse covariance times wanted log joules."""
        total = np.zeros((len(self.names), self._parts))
        both = np.zeros(len(self.names))
        for column in self.index.T:
            np.add.at(total, column, shares * weighted[:, None])
            np.add.at(both, column, weighted)
        return np.asarray(self.part[:, None] * total + (self.scale * both)[:, None], float)

    def unlikely(self, shifts: Floats) -> float:
        """Minus the log prior of shifts, by the inverse of scale² 1·1ᵀ + part² I."""
        common = self.scale / (self.part + self._parts * self.scale)
        squared = (shifts**2).sum(1) - common * shifts.sum(1) ** 2
        return float((squared / self.part).sum() / 2.0)


def _linear(
    parts: Floats, log_e: Floats, base: float, sites: _Sites, shifts: Floats
) -> tuple[Floats, Floats]:
    """Shares of the parts in each row's joules, and log(measured / predicted)."""
    joules = parts * np.exp(base + shifts[sites.index].sum(1))
    total = joules.sum(1, keepdims=True)
    return joules / total, log_e - np.log(total[:, 0])


def _student(away: Floats) -> float:
    return float((_FREEDOM + 1.0) / 2.0 * np.log1p(away**2 / _FREEDOM).sum())


def _shorter(
    at: Floats, aim: Floats, cost: Callable[[Floats], float], before: float
) -> tuple[Floats, float]:
    """The first of the full step, its half, its quarter... that costs less."""
    for halving in range(6):
        there = at + (aim - at) / 2**halving
        after = cost(there)
        if after <= before:
            return there, after
    return at, before
