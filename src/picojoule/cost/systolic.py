"""Systolic arrays in closed form: cycles and memory accesses of a matrix product.

An array of R × C units computes an m × k by k × n product in folds. What stays in the units, what
is folded over rows and columns, and what streams::

    dataflow   rows   columns   streams   cycles of a fold
    weight     k      n         m         m + 2R + C - 2     R to load, then skewed in and out
    input      k      m         n         n + 2R + C - 2
    output     m      n         k         k + R + C - 2      results leave beside the next fold

    folds  = ceil(rows / R) × ceil(columns / C)
    cycles = folds × cycles of a fold - 1          the number of the last cycle, from 0

Exact for SCALE-Sim 3.0.0 (arXiv 1811.02883, 2504.15377) without memory stalls.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from picojoule.cost.spatial import nest_of
from picojoule.errors import InputError, nearest
from picojoule.graph import Op

__all__ = ["DATAFLOWS", "Product", "SystolicRun", "product_of", "systolic"]

DATAFLOWS = ("weight", "input", "output")


@dataclass(frozen=True, slots=True)
class Product:
    """`groups` products of m × k inputs with k × n weights. unique_input: elements of the inputs
    in memory, which a convolution's sliding windows share."""

    m: int
    k: int
    n: int
    groups: int = 1
    unique_input: int | None = None


@dataclass(frozen=True, slots=True)
class SystolicRun:
    """cycles of the array. sram_*, dram_*: elements read (input, weight) and written (output).

    The output counts every partial sum that leaves the array. utilisation: multiply-accumulates
    over units × cycles, the one of number 0 included.
    """

    folds: int
    cycles: int
    utilisation: float
    sram_input: int
    sram_weight: int
    sram_output: int
    dram_input: int
    dram_weight: int
    dram_output: int


def product_of(op: Op) -> Product:
    """The matrix product that `op` is, with its kernel unrolled. Raises InputError for others."""
    nest = nest_of(op)
    size = {"position": 1, "channel": 1, "kernel": 1, "filter": 1, "group": 1}
    for i, extent in enumerate(nest.extents):
        size[nest.kind(i)] *= extent
    k = size["channel"] * size["kernel"]
    unique = round(nest.tensors[0].size / size["group"])
    return Product(size["position"], k, size["filter"], size["group"], unique)


def systolic(
    product: Product,
    rows: int,
    columns: int,
    dataflow: Literal["weight", "input", "output"] = "weight",
    sram_elements: tuple[float, float, float] = (math.inf, math.inf, math.inf),
) -> SystolicRun:
    """One run of `product` on an array of rows × columns units.

    sram_elements: room for inputs, weights and outputs. An operand that fits crosses the DRAM
    interface once, another one as often as the array streams it. Raises InputError for sizes
    below 1 and for an unknown dataflow.
    """
    if dataflow not in DATAFLOWS:
        raise InputError(f"unknown dataflow {dataflow!r}", fix=nearest(dataflow, DATAFLOWS))
    m, k, n, groups = product.m, product.k, product.n, product.groups
    if min(m, k, n, groups, rows, columns) < 1:
        raise InputError("a product and an array have sizes of at least 1",
                         got=(m, k, n, groups, rows, columns))  # fmt: skip
    on_rows, on_columns, streamed = {
        "weight": (k, n, m), "input": (k, m, n), "output": (m, n, k)
    }[dataflow]  # fmt: skip
    down, across = math.ceil(on_rows / rows), math.ceil(on_columns / columns)
    fold_cycles = streamed + rows + columns - 2 + (0 if dataflow == "output" else rows)
    folds = groups * down * across
    cycles = folds * fold_cycles - 1
    # How often each operand is streamed: once per fold that it is not held over.
    times = {"weight": (across, 1, down), "input": (1, across, down),
             "output": (across, down, 1)}[dataflow]  # fmt: skip
    elements = (m * k * groups, k * n * groups, m * n * groups)
    sram = [e * t for e, t in zip(elements, times, strict=True)]
    unique = ((product.unique_input or m * k) * groups, *elements[1:])
    dram = [u if u <= room else max(u, s)
            for u, room, s in zip(unique, sram_elements, sram, strict=True)]  # fmt: skip
    utilisation = m * k * n * groups / (rows * columns * (cycles + 1))
    return SystolicRun(folds, cycles, utilisation, *sram, *dram)
