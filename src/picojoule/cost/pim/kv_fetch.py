"""Keys and values that attention fetches, where tokens are pruned for good and bits come later.

SpAtten (Wang et al., HPCA 2021, arXiv 2012.09852): a token of little accumulated attention leaves
all later layers (cascade pruning); values are fetched for the most attended of the rest; keys come
with their most significant bits first, and with the others only where no probability stands out
(progressive quantisation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from picojoule.cost.pim.tables import read_rows
from picojoule.errors import InputError

__all__ = ["Fetch", "cascade", "dense_kv_bits", "kv_bits", "needs_low_bits", "read_fetches"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fetch:
    """What one head of one decode step fetched.

    width: elements of a key. tokens: cached tokens. keys, values: how many were fetched.
    key_bits, value_bits: per element; None as dense. low_bits: fetched again for every key where
    `refetched`.
    """

    step: int
    layer: int
    head: int
    width: int
    tokens: int
    keys: int
    values: int
    key_bits: int | None = None
    value_bits: int | None = None
    low_bits: int = 0
    refetched: bool = False


def dense_kv_bits(fetches: Sequence[Fetch], bits: int = 12) -> float:
    """Bits of all keys and values of the same heads at `bits` per element: Σ 2·D·L·bits."""
    _check_bits(bits)
    return float(sum(2 * f.width * f.tokens * bits for f in fetches))


def kv_bits(fetches: Sequence[Fetch], dense_bits: int = 12) -> float:
    """Bits that were fetched: Σ D·(keys·(bits + refetched low bits) + values·bits)."""
    _check_bits(dense_bits)
    total = 0.0
    for f in fetches:
        key_bits = dense_bits if f.key_bits is None else f.key_bits
        value_bits = dense_bits if f.value_bits is None else f.value_bits
        key_bits += f.low_bits if f.refetched else 0
        total += f.width * (f.keys * key_bits + f.values * value_bits)
    return total


def needs_low_bits(probabilities: npt.ArrayLike, threshold: float) -> npt.NDArray[np.bool_]:
    """Whether each row of attention (last axis: keys) has no probability of at least `threshold`:
    a flat row is where the error of few bits shows, so the low bits are fetched and it is redone.
    """
    below: npt.NDArray[np.bool_] = np.max(np.asarray(probabilities, float), axis=-1) < threshold
    return below


def cascade(probabilities: Sequence[npt.ArrayLike], keep: Sequence[int]) -> list[list[int]]:
    """The tokens that each layer fetches: those left by the layers before it.

    probabilities: attention of each layer, any leading axes (heads, queries) × tokens. keep: how
    many tokens each layer leaves to the next ones, those of most attention summed over all layers
    so far. A pruned token's later attention counts for nothing. Raises InputError where layers
    differ in tokens, or keep rises or leaves the range 1 to tokens.
    """
    layers = [np.asarray(p, float) for p in probabilities]
    tokens = layers[0].shape[-1] if layers else 0
    if len(keep) != len(layers) or any(p.shape[-1] != tokens for p in layers):
        raise InputError(
            "each layer needs its attention over the same tokens, and a number to keep"
        )
    falls = all(a >= b for a, b in zip([tokens, *keep], keep, strict=False))
    if not falls or any(k < 1 for k in keep):
        raise InputError("pruned tokens don't come back", got=list(keep),
                         expected=f"numbers from {tokens} down to 1, never rising")  # fmt: skip
    alive = np.arange(tokens)
    score: Floats = np.zeros(tokens)
    fetched = []
    for layer, left in zip(layers, keep, strict=True):
        fetched.append(alive.tolist())
        score[alive] += layer.reshape(-1, tokens)[:, alive].sum(axis=0)
        alive = np.sort(alive[np.argsort(-score[alive], kind="stable")[:left]])
    return fetched


_COLUMNS = ("iteration_id", "layer_id", "head_id", "embedding_length_D", "sentence_length_L",
            "key_fetch_num", "value_fetch_num", "quant_key_bit", "quant_value_bit",
            "auto_requant_incre")  # fmt: skip


def read_fetches(path: Path) -> list[Fetch]:
    """The heads of a trace as SpAtten's repository publishes them, one row each.

    -1 bits mean not quantised. A last row with its first cell alone names the configuration. Raises
    InputError, with the line, for a row that lacks a column, or fetches more than there is.
    """
    rows = read_rows(path)
    if rows and not any(value for key, value in rows[-1][1].items() if key != "iteration_id"):
        rows.pop()
    return [_fetch(row, f"{path.name}:{line}") for line, row in rows]


def _fetch(row: dict[str, str], where: str) -> Fetch:
    try:
        numbers = [float(row[name]) for name in _COLUMNS]
        step, layer, head, width, tokens, keys, values, key_bits, value_bits, low = map(
            int, numbers
        )
        refetched = {"True": True, "False": False}[row["if_requant"]]
    except (KeyError, TypeError, ValueError, OverflowError):
        raise InputError("not a row of a fetch trace", where=where, got=row) from None
    if min(width, tokens) < 1 or not (0 <= keys <= tokens and 0 <= values <= tokens):
        raise InputError("a head can't fetch that", where=where,
                         got=f"{keys} keys, {values} values of {tokens} tokens")  # fmt: skip
    if refetched and low < 0:
        raise InputError("a refetch needs its low bits", where=where, got=low)
    return Fetch(step, layer, head, width, tokens, keys, values, _bits(key_bits, where),
                 _bits(value_bits, where), max(low, 0), refetched)  # fmt: skip


def _bits(bits: int, where: str) -> int | None:
    if bits == 0 or bits < -1:
        raise InputError("not a number of bits", where=where, got=bits, expected="≥ 1, or -1")
    return None if bits == -1 else bits


def _check_bits(bits: int) -> None:
    if bits < 1:
        raise InputError("not a number of bits", got=bits, expected="at least 1")
