"""Requests on memory channels: how long attention takes on each, and who goes where.

Attention of one request is done by the units of the one channel that holds its keys and values,
so a batch lasts as long as its busiest channel (NeuPIMs, arXiv 2403.00579).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from picojoule.cost.pim.tables import read_rows
from picojoule.errors import InputError

__all__ = ["Channel", "Heads", "attention_cycles", "channel_loads", "imbalance", "least_loaded",
           "read_placement", "round_robin"]  # fmt: skip

Loads = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel: banks that multiply together, elements of a page, and cycles of one vector
    written to the banks and of one product of a page in every bank with it.

    The defaults are those of NeuPIMs' simulator (casys-kaist/NeuPIMs): 32 banks with pages of
    1 KiB of 2-byte words, GWRITE 100 and GEMV 184 cycles at 1 GHz.
    """

    banks: int = 32
    page: int = 512
    write_cycles: int = 100
    product_cycles: int = 184


@dataclass(frozen=True, slots=True)
class Heads:
    """Attention of a decoder layer: width of all its heads, their number and the width of one.

    ways: of tensor parallelism.
    """

    width: int
    heads: int
    head: int
    ways: int = 1


def attention_cycles(context: int, heads: Heads, channel: Channel | None = None) -> int:
    """Cycles of one decode step's attention on one channel, with `context` cached tokens.

    ceil((E/t)/page)·(write + product·ceil(L/banks)) for the scores, and for the context vector
    ceil(L/page)·n_h·(write + product·ceil(d_k/banks)); all heads even with t ways, as in NeuPIMs'
    simulator. Raises InputError for sizes below 1.
    """
    c = channel or Channel()
    sizes = (context, heads.width, heads.heads, heads.head, heads.ways, c.banks, c.page)
    if min(sizes) < 1:
        raise InputError("attention needs sizes of at least 1", got=sizes)

    def product(rows: int) -> int:
        return c.write_cycles + c.product_cycles * math.ceil(rows / c.banks)

    scores = math.ceil(heads.width / heads.ways / c.page) * product(context)
    return scores + math.ceil(context / c.page) * heads.heads * product(heads.head)


def round_robin(requests: int, channels: int) -> list[int]:
    """The channel of each request: one after the other, whatever their lengths."""
    _check_channels(channels)
    return [i % channels for i in range(requests)]


def least_loaded(loads: Sequence[float], channels: int) -> list[int]:
    """The channel of each request: the longest first, each to the least loaded channel.

    At most 4/3 − 1/(3·channels) of the best possible busiest channel (Graham, 1969). Raises
    InputError for no channel or a load that is not a number ≥ 0.
    """
    _check_channels(channels)
    if bad := [x for x in loads if not (math.isfinite(x) and x >= 0)]:
        raise InputError("not the load of a request", got=bad[0], expected="a number ≥ 0")
    total = [0.0] * channels
    placed = [0] * len(loads)
    for i in sorted(range(len(loads)), key=lambda i: -loads[i]):
        placed[i] = min(range(channels), key=total.__getitem__)
        total[placed[i]] += loads[i]
    return placed


def channel_loads(loads: Sequence[float], placed: Sequence[int], channels: int) -> Loads:
    """Load of each channel. Raises InputError for a request on a channel that is not there."""
    _check_channels(channels)
    if len(loads) != len(placed):
        raise InputError("each request needs a channel", got=len(placed), expected=len(loads))
    if placed and not (min(placed) >= 0 and max(placed) < channels):
        raise InputError("no such channel", got=f"{min(placed)} to {max(placed)}",
                         expected=f"0 to {channels - 1}")  # fmt: skip
    return np.bincount(np.asarray(placed, int), np.asarray(loads, float), channels).astype(float)


def imbalance(loads: Loads) -> float:
    """Busiest channel over the mean; 1 is balanced. Raises InputError where nothing is loaded."""
    if loads.size == 0 or not loads.sum() > 0:
        raise InputError("no channel has any load")
    return float(loads.max() / loads.mean())


def read_placement(path: Path) -> tuple[list[int], list[int]]:
    """Context lengths and channels of a batch: a CSV with columns seq_len and ch_idx.

    Raises InputError, with the line, for a file that can't be read or a row that isn't one.
    """
    contexts, placed = [], []
    for number, row in read_rows(path):
        try:
            context, channel = int(row["seq_len"]), int(row["ch_idx"])
        except (KeyError, TypeError, ValueError):
            raise InputError("not a request", where=f"{path.name}:{number}", got=row,
                             expected="whole numbers seq_len and ch_idx") from None  # fmt: skip
        if context < 1 or channel < 0:
            raise InputError("not a request", where=f"{path.name}:{number}", got=row,
                             expected="seq_len ≥ 1, ch_idx ≥ 0")  # fmt: skip
        contexts.append(context)
        placed.append(channel)
    return contexts, placed


def _check_channels(channels: int) -> None:
    if channels < 1:
        raise InputError("a memory needs a channel", got=channels, expected="at least 1")
