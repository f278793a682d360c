"""Networks and accelerators searched together, or one after the other.

Networks: digits of `papers.digits` through 1 to 3 convolutions of 3 × 3 with 2 × 2 pooling, the
first 2 to 16 wide and each twice as wide as the one before, then a classifier. Chips: a weight- and
an output-stationary array, either of which may be missing; a layer runs where it is faster.
"""

from __future__ import annotations

import itertools
from functools import cache
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import numpy as np

from picojoule.chips.unit_energies import dram_j_per_bit, sram_j_per_bit
from picojoule.cost.systolic import Product, systolic
from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.search.explore.joint import Pair, Together
from picojoule.search.explore.tables import mac_energy_j, mac_um2, memory_um2

# Per cent of the test digits that are right by (width, depth): mean of 3 seeds of 15 epochs, Adam
# 5e-3 (`benchmarks/explore.py accuracies`).
ACCURACY = {
    (2, 1): 89.94, (2, 2): 79.01, (2, 3): 72.16, (4, 1): 93.70, (4, 2): 91.30, (4, 3): 90.99,
    (8, 1): 95.80, (8, 2): 95.93, (8, 3): 95.37, (16, 1): 96.79, (16, 2): 98.09, (16, 3): 97.53,
}  # fmt: skip
NODE_NM = 45
BUDGET, SEEDS = 60, range(20)


class Chips(NamedTuple):
    """Sides of the weight- and the output-stationary array (0: missing); bytes of their buffer."""

    weight: int
    output: int
    buffer: int


DESIGNS = [
    Chips(weight, output, size)
    for weight, output, size in itertools.product(
        (0, 4, 8, 16), (0, 4, 8, 16), (2**13, 2**15, 2**17)
    )
    if weight or output
]


def layers(width: int, depth: int) -> list[Product]:
    """Its convolutions and classifier as matrix products."""
    made, before, side = [], 1, 8
    for after in (width * 2**i for i in range(depth)):
        made.append(Product(side * side, 9 * before, after, unique_input=side * side * before))
        before, side = after, side // 2
    return [*made, Product(1, before * side * side, 10)]


@cache
def cost(network: tuple[int, int], chips: Chips) -> tuple[float, float, float]:
    """Cycles, joules and mm² of one image in int8. Each layer on the faster of the two arrays."""
    room = (chips.buffer / 3,) * 3
    cycles, energy = 0.0, 0.0
    sram, dram = 8 * sram_j_per_bit(chips.buffer).value, 8 * dram_j_per_bit("LPDDR4").value
    for product in layers(*network):
        arrays = ((chips.weight, "weight"), (chips.output, "output"))
        runs = [systolic(product, n, n, kind, room) for n, kind in arrays if n]  # type: ignore[arg-type]
        run = min(runs, key=lambda r: r.cycles)
        cycles += run.cycles + 1
        energy += product.m * product.k * product.n * mac_energy_j("int8").value
        energy += sram * (run.sram_input + run.sram_weight + run.sram_output)
        energy += dram * (run.dram_input + run.dram_weight + run.dram_output)
    units = chips.weight**2 + chips.output**2
    bits = 8 * chips.buffer * memory_um2(chips.buffer, NODE_NM).value
    return cycles, energy, (units * mac_um2("int8", NODE_NM).value + bits) * 1e-6


def together(quantile: float) -> Together[tuple[int, int], Chips]:
    """The search under limits at that quantile of each cost over all pairs of network and chip."""
    costs = np.array([cost(n, c) for n in ACCURACY for c in DESIGNS])
    limits = tuple(np.quantile(costs, quantile, axis=0).tolist())
    return Together(ACCURACY, DESIGNS, cost, limits)


def check(data: Path | None) -> list[Finding]:
    """Limits at the lower quartile of all pairs. Model first gets every chip, joint search 60
    pairs; chip first 60 as well."""
    search = together(0.25)
    successive = search.model_first(len(DESIGNS), 0)
    joint = [search.joint(BUDGET, seed) for seed in SEEDS]
    chip_first = [search.chip_first(BUDGET, seed) for seed in SEEDS]
    whole = search.joint(len(DESIGNS) * len(ACCURACY), 0)
    no_worse = mean(j.rank >= c.rank for j, c in zip(joint, chip_first, strict=True))
    latency, energy, area = (_less(successive, whole, i) for i in range(3))
    other = "a ratio of what the limits ask for: other networks, chips and limits"
    return [
        Finding("model first, best of all chips: largest cost over limit", 1, successive.excess,
                relation=">="),
        Finding("joint search: seeds that meet all limits", 1, mean(j.keeps for j in joint),
                note="60 random pairs of 540 may miss the few that do; chip first misses more"),
        Finding("joint search no worse than chip first, share of seeds", 1, no_worse),
        Finding("accuracy lost to model first, best pair", 0.76,
                successive.accuracy - whole.accuracy, "points", relation="<=",
                note="weights from DRAM are most of the energy, so its limit asks for a tiny net"),
        Finding("latency below model first, best pair", 0.1777, 1 - 1 / latency, tolerance=0.05,
                note=other),
        Finding("energy below model first, best pair", 2.49, energy, "×", 0.05, note=other),
        Finding("area below model first, best pair", 2.32, area, "×", 0.05, note=other),
    ]  # fmt: skip


def _less(one: Pair[tuple[int, int], Chips], other: Pair[tuple[int, int], Chips], i: int) -> float:
    return one.cost[i] / other.cost[i]


PAPER = Paper(
    name="nasaic",
    row=172,
    title="Co-exploration of neural architectures and heterogeneous ASIC accelerator designs "
    "targeting multiple tasks",
    source="Yang et al., DAC 2020, arXiv 2002.04116",
    claim="Searching network and ASIC together meets specifications that one after the other "
    "violates: latency -17.77%, energy 2.49x and area 2.32x lower at 0.76% less accuracy.",
    composition="search.explore.joint over trained digit networks and pairs of systolic arrays",
    verdict=Verdict.PARTLY,
    check=check,
)
