"""Constants of served models from measured runs, and how well they carry over.

Power, from the A100 rows of Splitwise's perf_model.csv (ISCA 2024, MIT). Mean power of a chip over
a run of prompt and output tokens is a ledger divided by its time::

    mean_w = active_w + (pj_per_mac × MACs + pj_per_byte × bytes) / seconds
    peak_w = min(active_w' + peak_pj_per_mac × MACs/s of prefill, limit_w)

with, per chip, MACs = parameters × tokens and bytes = weights and cache that decode steps read. For
peak_w, MACs/s is the best rate of any prompt up to that size. In the file, 0 is a missing reading
and rows of h100-80gb-pcap are derived, not measured: both are dropped.

Latency: prefill_s = a + b·n + c·n², step_s = d + e·batch + g·batch² + h·cached tokens.
All fits are of relative errors.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import least_squares, nnls

from picojoule.cluster.ledger_phases import Size
from picojoule.errors import InputError
from picojoule.files import read_text
from picojoule.ledger import Array

__all__ = [
    "fit_peak", "fit_power", "fit_prefill", "fit_step", "leave_one_out", "peak_power",
    "power_features", "read_splitwise",
]  # fmt: skip

Rows = dict[str, Array]
_NUMBERS = ("prompt_size", "batch_size", "token_size", "peak_power", "average_power",
            "prompt_time", "token_time", "e2e_time", "tensor_parallel")  # fmt: skip
_DERIVED = "pcap"
_MOST_BYTES = 10_000_000


def read_splitwise(path: Path) -> Rows:
    """Measured rows as columns; times in ms, powers as a share of the chip's limit, NaN if missing.

    Raises InputError for a file that can't be read, is too large, or without its columns.
    """
    text = read_text(path, _MOST_BYTES)
    try:
        table = csv.DictReader(io.StringIO(text, newline=""))
        rows = [r for r in table if _DERIVED not in (r.get("hardware") or "")]
        columns: Rows = {n: np.array([float(r[n]) for r in rows]) for n in _NUMBERS}
        columns |= {n: np.array([r[n] for r in rows]) for n in ("model", "hardware")}
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise InputError(f"not Splitwise's perf_model.csv: {error}", where=str(path)) from None
    for name in ("peak_power", "average_power"):
        columns[name] = np.where(columns[name] > 0, columns[name], np.nan)
    return columns


def where(rows: Rows, keep: Array) -> Rows:
    """The rows where `keep` is true."""
    return {name: column[keep] for name, column in rows.items()}


def power_features(rows: Rows, sizes: dict[str, Size]) -> Array:
    """[row, (1, MACs/s, bytes/s)] of one chip over the whole run."""
    size = [sizes[m] for m in rows["model"]]
    parameters = np.array([s.parameters for s in size], dtype=float)
    weights, cache = np.array([s.weights_b for s in size]), np.array([s.kv_b for s in size])
    batch, prompt, output = rows["batch_size"], rows["prompt_size"], rows["token_size"]
    seconds = rows["e2e_time"] / 1e3 * rows["tensor_parallel"]
    macs = parameters * batch * (prompt + output)
    moved = output * (weights + cache * batch * (prompt + output / 2))
    return np.stack([np.ones(len(seconds)), macs / seconds, moved / seconds], axis=1)


def fit_power(features: Array, mean_w: Array) -> Array:
    """(active_w, J/MAC, J/byte), none negative."""
    return _relative_nnls(features, mean_w)


def prefill_rate(rows: Rows, sizes: dict[str, Size]) -> Array:
    """Best MACs/s of one chip over prefills of up to as many tokens, by model and parallelism."""
    tokens = rows["prompt_size"] * rows["batch_size"]
    parameters = np.array([sizes[m].parameters for m in rows["model"]], dtype=float)
    rate = parameters * tokens / rows["tensor_parallel"] / (rows["prompt_time"] / 1e3)
    return np.array([rate[_same(rows, i) & (tokens <= tokens[i])].max() for i in range(len(rate))])


def _same(rows: Rows, i: int) -> Array:
    names = ("model", "hardware", "tensor_parallel")
    return np.asarray(np.all([rows[n] == rows[n][i] for n in names], axis=0))


def peak_power(constants: Array, rate: Array) -> Array:
    """Peak watts at prefill rates in MACs/s; constants = (active_w, J/MAC, limit_w)."""
    return np.asarray(np.minimum(constants[0] + constants[1] * rate, constants[2]))


def fit_peak(rate: Array, peak_w: Array) -> Array:
    """Constants of `peak_power`."""
    scale = np.array([1.0, 1e-12, 1.0])
    fit = least_squares(
        lambda c: peak_power(c * scale, rate) / peak_w - 1,
        [100.0, 4.0, peak_w.max()], bounds=([0, 0, 1], [peak_w.max(), 100, 2 * peak_w.max()]),
    )  # fmt: skip
    return np.asarray(fit.x * scale)


def fit_prefill(tokens: Array, seconds: Array) -> Array:
    """(a, b, c) of one request's prefill."""
    return _relative_nnls(np.stack([np.ones(len(tokens)), tokens, tokens**2], axis=1), seconds)


def fit_step(batch: Array, cached: Array, seconds: Array) -> Array:
    """(d, e, g, h) of one decode step; cached: tokens of the whole batch."""
    return _relative_nnls(np.stack([np.ones(len(batch)), batch, batch**2, cached], axis=1), seconds)


def _relative_nnls(features: Array, wanted: Array) -> Array:
    scale = features.max(axis=0)
    return np.asarray(nnls(features / scale / wanted[:, None], np.ones(len(wanted)))[0] / scale)


def leave_one_out(
    groups: Array, fit: Callable[[Array], Any], error: Callable[[Any, Array], Array]
) -> dict[str, Array]:
    """Relative errors of each group by the fit to the others.

    fit: from the mask of rows to learn from to constants. error: from those and the mask of rows
    to predict to predicted / measured - 1.
    """
    found = {}
    for group in sorted(set(groups.tolist())):
        held = groups == group
        found[str(group)] = error(fit(~held), held)
    return found
