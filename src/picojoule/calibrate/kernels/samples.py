"""Measured kernel latencies in the files of LLMCompass and Vidur, with what is rejected and why.

LLMCompass (arXiv 2312.03134; ae/figure5, BSD-3): `matmul_*.csv` holds m, k, n with "ms" and
"Tflops" beside each other; the others hold a shape and billions of numbers a second. Vidur (arXiv
2405.05465; data/profiling, MIT): statistics of repeated runs in milliseconds, sizes in bytes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from picojoule.calibrate.cells import Refused, number, whole
from picojoule.calibrate.kernels.laws import DEVICES
from picojoule.calibrate.measured_set import Floats
from picojoule.calibrate.table import Row, read_table
from picojoule.errors import InputError
from picojoule.files import read_text

__all__ = ["LLMCOMPASS", "Samples", "llmcompass", "vidur_all_reduce", "vidur_matmul"]

LLMCOMPASS = ("matmul", "softmax", "layernorm", "gelu")
C = TypeVar("C")
_MOST_S = 10.0  # a kernel of more is milliseconds taken for seconds
_MOST_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class Samples:
    """shape: (rows, 3) m, n, k of a product, or (rows, 2) rows and width of another kernel, or
    bytes and ranks. time_s: measured. rejected: "file:line: why".
    """

    kernel: str
    device: str
    shape: Floats
    time_s: Floats
    rejected: tuple[str, ...]


def llmcompass(path: Path) -> Samples:
    """One file of LLMCompass. Raises InputError: named for no kernel and device, unreadable."""
    found = re.fullmatch(r"([a-z]+)_([A-Z0-9]+)\.csv", path.name)
    if not found or found[1] not in LLMCOMPASS or found[2] not in DEVICES:
        expected = f"KERNEL_DEVICE.csv with {', '.join(LLMCOMPASS)} and {', '.join(DEVICES)}"
        raise InputError("not a latency file of LLMCompass", where=path.name, expected=expected)
    lines = read_text(path, _MOST_BYTES).splitlines()
    read = _product if found[1] == "matmul" else _moved
    return _collect(found[1], found[2], path.name, lines, read)


def _product(line: str) -> tuple[tuple[float, ...], float]:
    """ "m, k, n, 1.5ms, 200Tflops": the two must tell the same time."""
    found = re.fullmatch(r"(\d+), *(\d+), *(\d+), *([\d.]+)ms, *([\d.]+)Tflops\s*", line)
    if not found:
        raise Refused("expected m, n, k, <time>ms, <rate>Tflops")
    m, n, k, ms, rate = (float(x) for x in found.groups())
    ratio = ms * 1e-3 * rate * 1e12 / (2 * m * n * k) if m * n * k else math.nan
    if not 0.99 < ratio < 1.01:
        raise Refused(f"time × rate is {ratio:.3g} of the FLOPs: units are inconsistent")
    return (m, n, k), ms * 1e-3


def _moved(line: str) -> tuple[tuple[float, ...], float]:
    """ "rows, width, rate" or "numbers, rate", rate in 1e9 numbers a second."""
    cells = [x.strip() for x in line.split(",")]
    if not 2 <= len(cells) <= 3 or not all(re.fullmatch(r"\d+(\.\d+)?", x) for x in cells):
        raise Refused("expected a shape and a rate")
    *shape, rate = (float(x) for x in cells)
    if not 0 < rate < 1e4 or not all(shape):
        raise Refused(f"{rate:g} billion numbers a second is no rate")
    # without rows of its own, a kernel runs as rows of 1024 numbers, which are never read again
    full = (shape[0] / 1024, 1024.0) if len(shape) == 1 else tuple(shape)
    return full, full[0] * full[1] / (rate * 1e9)


def vidur_all_reduce(path: Path, device: str) -> Samples:
    """All-reduce within a node. Raises InputError: columns missing, unreadable."""
    table = read_table(path)
    name = "time_stats.all_reduce"
    table.need(f"{name}.median", "size", "num_workers", "devices_per_node", "collective")
    on = DEVICES[device]

    def read(row: Row) -> tuple[tuple[float, ...], float]:
        ranks = whole(row, "num_workers", 2, 4096)
        if row["collective"] != "all_reduce" or whole(row, "devices_per_node", 1, 64) != ranks:
            raise Refused("crosses nodes, or another collective")
        size, time_s = number(row, "size", 1, 2**40), _statistics(row, name)
        if 2 * (ranks - 1) / ranks * size / time_s > 1.2 * on.link_s:
            raise Refused("faster than the link: is size in bytes and time in milliseconds?")
        return (size, float(ranks)), time_s

    return _collect("all_reduce", device, path.name, table.rows, read)


_PRODUCTS = ("attn_pre_proj", "attn_post_proj", "mlp_up_proj", "mlp_down_proj")


def vidur_matmul(path: Path, device: str) -> Samples:
    """The four products of a gated MLP and attention layer with as many KV heads as heads."""
    table = read_table(path)
    columns = ("n_embd", "n_expanded_embd", "num_tokens", "num_tensor_parallel_workers")
    table.need("n_head", "n_kv_head", "use_gated_mlp", *columns)
    cells = [(row, name) for row in table.rows for name in _PRODUCTS]

    def read(cell: tuple[Row, str]) -> tuple[tuple[float, ...], float]:
        row, name = cell
        if row["use_gated_mlp"] != "True" or row["n_head"] != row["n_kv_head"]:
            raise Refused("not a gated MLP with full attention")
        d, wide, tokens, tp = (float(whole(row, c, 1, 2**24)) for c in columns)
        n, k = {
            "attn_pre_proj": (3 * d / tp, d),
            "attn_post_proj": (d, d / tp),
            "mlp_up_proj": (2 * wide / tp, d),
            "mlp_down_proj": (d, wide / tp),
        }[name]
        time_s = _statistics(row, f"time_stats.{name}")
        if 2 * tokens * n * k / time_s > 1.1 * DEVICES[device].flop_s:
            raise Refused("faster than the peak: is the time in milliseconds?")
        return (tokens, n, k), time_s

    return _collect("matmul", device, path.name, cells, read)


def _statistics(row: Row, name: str) -> float:
    """The median in seconds, which must lie between least and most."""
    low, middle, high = (
        number(row, f"{name}.{part}", 1e-6, _MOST_S * 1e3) * 1e-3
        for part in ("min", "median", "max")
    )
    if not low <= middle <= high:
        raise Refused(f"{name}: the median is not between min and max")
    return middle


def _collect(
    kernel: str,
    device: str,
    name: str,
    cells: Sequence[C],
    read: Callable[[C], tuple[tuple[float, ...], float]],
) -> Samples:
    """Read every row; copies of a shape become one sample, the median of their times."""
    times: dict[tuple[float, ...], list[float]] = {}
    rejected = []
    for i, cell in enumerate(cells):
        try:
            shape, time_s = read(cell)
        except Refused as error:
            rejected.append(f"{name}:{i + 1}: {error}")
            continue
        if shape in times:
            rejected.append(f"{name}:{i + 1}: shape measured before; the median is kept")
        times.setdefault(shape, []).append(time_s)
    shapes = np.array(list(times), float)
    return Samples(
        kernel, device, shapes, np.array([np.median(t) for t in times.values()]), tuple(rejected)
    )
