"""Analysis of variance for factorial experiments: precision × batch × runtime → joules.

Type II sums of squares (each term after all terms that don't contain it), by least squares, so
unequal numbers of repeats are allowed. Effect sizes: η² = SS / SS_total, partial η² =
SS / (SS + SS_error), ω² = (SS - df MS_error) / (SS_total + MS_error), floored at 0.
Sources: Langsrud 2003, Statistics and Computing 13 (type II); Olejnik & Algina 2003, Psychological
Methods 8 (effect sizes); Holm 1979, Scandinavian Journal of Statistics 6 (many tests).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from picojoule.errors import Inconclusive, InputError, nearest

__all__ = ["Anova", "Term", "anova"]

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Term:
    """One factor or interaction. p_holm: p adjusted for the number of terms. significant: by it.

    spread: largest over smallest mean of its levels, less 1: how much it matters, in the response
    """

    name: str
    sum_sq: float
    df: int
    f: float
    p_value: float
    p_holm: float
    eta_sq: float
    partial_eta_sq: float
    omega_sq: float
    spread: float
    significant: bool

    def __str__(self) -> str:
        if not self.significant:
            return f"{self.name}: not significant (p {self.p_holm:.2g})"
        size = f"η² {self.eta_sq:.2f}, ω² {self.omega_sq:.2f}, up to {self.spread:+.0%}"
        return f"{self.name}: F({self.df}) {self.f:.4g}, p {self.p_holm:.2g}, {size}"


@dataclass(frozen=True, slots=True)
class Anova:
    """The table: terms in order, and the residual. notes: what weakens it."""

    response: str
    terms: tuple[Term, ...]
    error_sq: float
    error_df: int
    total_sq: float
    n: int
    notes: tuple[str, ...]

    def __getitem__(self, name: str) -> Term:
        """The term called 'precision' or 'precision:batch'."""
        for term in self.terms:
            if term.name == name:
                return term
        raise InputError(f"no term {name!r}", fix=nearest(name, (t.name for t in self.terms)))

    def __str__(self) -> str:
        return "\n".join([f"{self.response}, n = {self.n}", *map(str, self.terms), *self.notes])


def anova(
    table: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]],
    factors: Sequence[str],
    response: str,
    *,
    interactions: int = 2,
    alpha: float = 0.05,
    log: bool = False,
) -> Anova:
    """Which factors change the response, and by how much.

    table: rows as mappings, or columns by name. interactions: the largest number of factors in a
    term. alpha: of the family of all terms (Holm). log: analyse the logarithm, for effects that
    multiply, as those on joules do.

    Raises InputError for a table that doesn't fit, and Inconclusive where nothing is left to
    tell noise from effects.
    """
    columns = _columns(table, [*factors, response])
    y = _response(columns[response], response, log)
    codes = {f: _contrasts(columns[f], f) for f in factors}
    names = [t for k in range(1, interactions + 1) for t in combinations(factors, k)]
    blocks = {name: _product([codes[f] for f in name]) for name in names}
    residual, rank = _fit(list(blocks.values()), y)
    error_df = len(y) - rank
    if error_df < 1:
        raise Inconclusive(
            "no repeats: the largest interaction can't be told from noise", where=response,
            got=f"{len(y)} rows for {rank} parameters",
            fix="measure every combination at least twice, or pass interactions=1",
        )  # fmt: skip
    total = float(((y - y.mean()) ** 2).sum())
    raw = [(name, *_type_two(name, blocks, y)) for name in names]
    tests = [_test(ss, df, residual, error_df) for _, ss, df in raw]
    adjusted = _holm([p for _, p in tests])
    whole = _Whole(total, residual, error_df, alpha)
    terms = tuple(
        whole.term(name, ss, df, test, p, _spread(columns, name, y, log))
        for (name, ss, df), test, p in zip(raw, tests, adjusted, strict=True)
    )
    notes = _notes(columns, factors, y)
    return Anova(response, terms, residual, error_df, total, len(y), notes)


def _columns(table: Any, names: Sequence[str]) -> dict[str, list[Any]]:
    known = list(table) if isinstance(table, Mapping) else list(table[0]) if len(table) else []
    for name in names:
        if name not in known:
            raise InputError(f"no column {name!r} in the table", fix=nearest(name, map(str, known)))
    if isinstance(table, Mapping):
        columns = {n: list(table[n]) for n in names}
    else:
        columns = {n: [row[n] for row in table] for n in names}
    if len({len(c) for c in columns.values()}) > 1:
        raise InputError("columns differ in length", got={n: len(c) for n, c in columns.items()})
    return columns


def _response(values: list[Any], name: str, log: bool) -> Matrix:
    y = np.asarray(values, dtype=np.float64)
    if not np.isfinite(y).all():
        raise InputError("a response is unavailable", where=name, fix="leave those rows out")
    if log and not (y > 0).all():
        raise InputError("the logarithm needs values above 0", where=name, got=float(y.min()))
    return np.log(y) if log else y


def _contrasts(values: list[Any], name: str) -> Matrix:
    """Sum-to-zero columns, one fewer than levels."""
    levels = list(dict.fromkeys(values))
    if len(levels) < 2:
        raise InputError("a factor with one level", where=name, got=levels)
    which = np.array([levels.index(v) for v in values])
    eye = np.vstack([np.eye(len(levels) - 1), -np.ones(len(levels) - 1)])
    return np.asarray(eye[which], dtype=np.float64)


def _product(codes: Sequence[Matrix]) -> Matrix:
    built = codes[0]
    for code in codes[1:]:
        built = (built[:, :, None] * code[:, None, :]).reshape(len(code), -1)
    return built


def _fit(blocks: Sequence[Matrix], y: Matrix) -> tuple[float, int]:
    """(Residual sum of squares, rank) of y on the blocks and a constant."""
    x = np.hstack([np.ones((len(y), 1)), *blocks])
    found, _, rank, _ = np.linalg.lstsq(x, y, rcond=None)
    return float(((y - x @ found) ** 2).sum()), int(rank)


def _type_two(
    name: tuple[str, ...], blocks: Mapping[tuple[str, ...], Matrix], y: Matrix
) -> tuple[float, int]:
    """Sum of squares and df of a term, after all terms that don't contain it."""
    others = [b for other, b in blocks.items() if not set(name) <= set(other)]
    without, rank_without = _fit(others, y)
    with_it, rank_with = _fit([*others, blocks[name]], y)
    return max(0.0, without - with_it), rank_with - rank_without


def _test(sum_sq: float, df: int, error_sq: float, error_df: int) -> tuple[float, float]:
    """F and its upper tail probability."""
    from scipy.special import fdtrc

    if df == 0:
        return math.nan, 1.0  # empty cells: the design can't see this term
    if error_sq <= 0:
        return (math.inf, 0.0) if sum_sq > 0 else (math.nan, 1.0)
    f = (sum_sq / df) / (error_sq / error_df)
    return f, float(fdtrc(df, error_df, f))


def _holm(p_values: Sequence[float]) -> list[float]:
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for place, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[i]))
        adjusted[i] = highest
    return adjusted


@dataclass(frozen=True, slots=True)
class _Whole:
    """What every term is held against."""

    total: float
    error_sq: float
    error_df: int
    alpha: float

    def term(
        self, name: tuple[str, ...], ss: float, df: int, test: tuple[float, float], p: float,
        spread: float,
    ) -> Term:  # fmt: skip
        noise = self.error_sq / self.error_df
        return Term(
            name=":".join(name),
            sum_sq=ss,
            df=df,
            f=test[0],
            p_value=test[1],
            p_holm=p,
            eta_sq=_fraction(ss, self.total),
            partial_eta_sq=_fraction(ss, ss + self.error_sq),
            omega_sq=max(0.0, _fraction(ss - df * noise, self.total + noise)),
            spread=spread,
            significant=p < self.alpha,
        )


def _fraction(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _spread(columns: Mapping[str, list[Any]], name: tuple[str, ...], y: Matrix, log: bool) -> float:
    means = [float(y[rows].mean()) for rows in _cells(columns, name).values()]
    if log:
        return math.exp(max(means) - min(means)) - 1
    return max(means) / min(means) - 1 if min(means) > 0 else math.nan


def _cells(columns: Mapping[str, list[Any]], names: Sequence[str]) -> dict[Any, list[int]]:
    cells: dict[Any, list[int]] = {}
    for i, key in enumerate(zip(*(columns[n] for n in names), strict=True)):
        cells.setdefault(key, []).append(i)
    return cells


def _notes(columns: Mapping[str, list[Any]], factors: Sequence[str], y: Matrix) -> tuple[str, ...]:
    cells = list(_cells(columns, factors).values())
    notes = []
    if len({len(c) for c in cells}) > 1:
        notes.append("unequal repeats: sums of squares (type II) don't add up to the total")
    spreads = [float(np.std(y[c], ddof=1)) for c in cells if len(c) > 2]
    if spreads and max(spreads) > 3 * max(min(spreads), 1e-12):
        # Boneau 1960: F holds up to about a ratio of 3 between equal groups.
        notes.append("cells differ in spread by more than 3: p values are rough; try log=True")
    return tuple(notes)
