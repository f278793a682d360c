"""Cycles, bytes and actions of a cascade bound to an accelerator.

Einsum e of `points` loop points takes points × cycles_per_point / lanes cycles, with side² lanes
on the 2D array and side on the 1D one; rows of queries and keys are padded to the side. A stage
lasts as long as its busier array; stages of a kernel add up, and so do kernels::

    latency = Σ_kernels max( Σ_stages max(2D cycles, 1D cycles) / clock , bytes / bandwidth )

These are the equations of the artefact of Nayak et al., "FuseMax", MICRO 2024, told once for all
designs: a fused kernel overlaps all of its traffic, an unfused cascade is several kernels.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from picojoule.cost.cascade.attention import Shape
from picojoule.cost.cascade.design import Array, Design, Kernel
from picojoule.cost.cascade.passes import passes
from picojoule.cost.cascade.tile import Tile, Tiler, inside

__all__ = ["Cost", "KernelCost", "evaluate"]


@dataclass(frozen=True, slots=True)
class KernelCost:
    """One kernel. read_b, written_b: bytes from and to main memory by tensor. passes: over the
    keys."""

    cycles: float
    read_b: Mapping[str, float]
    written_b: Mapping[str, float]
    tile: Tile
    passes: int

    @property
    def traffic_b(self) -> float:
        """All bytes through main memory."""
        return sum(self.read_b.values()) + sum(self.written_b.values())

    def latency_s(self, clock_hz: float, bandwidth_b_s: float) -> float:
        """Seconds of the kernel."""
        return max(self.cycles / clock_hz, self.traffic_b / bandwidth_b_s)


@dataclass(frozen=True, slots=True)
class Cost:
    """A whole attention. actions: how often each einsum does each action."""

    kernels: tuple[KernelCost, ...]
    actions: Mapping[str, Mapping[str, float]]

    @property
    def traffic_b(self) -> float:
        """Bytes through main memory."""
        return sum(k.traffic_b for k in self.kernels)

    def latency_s(self, clock_hz: float, bandwidth_b_s: float) -> float:
        """Seconds, kernel after kernel."""
        return sum(k.latency_s(clock_hz, bandwidth_b_s) for k in self.kernels)

    def energy_j(self, pj: Mapping[str, float], dram_pj_per_bit: float) -> float:
        """Joules of the actions and of main memory; register files and buffer not included.

        Raises KeyError for an action that `pj` doesn't price.
        """
        totals: Counter[str] = Counter()
        for done in self.actions.values():
            totals.update(done)
        operations_pj = sum(n * pj[action] for action, n in totals.items())
        return (operations_pj + 8 * self.traffic_b * dram_pj_per_bit) * 1e-12


def evaluate(design: Design, shape: Shape, array: Array) -> Cost:
    """What `design` does for one attention of `shape`.

    Raises InputError for sizes below 1 and for a buffer that can't hold one tile of rows.
    """
    extents = shape.check().extents(array.side)
    kernels = tuple(_kernel(design, kernel, array, extents) for kernel in design.kernels)
    exact = {**extents, "M1": 1, "M0": extents["M"]}  # padding does no work
    actions = {e.name: _actions(e.loops, e.actions, extents, exact) for e in design.cascade.einsums}
    return Cost(kernels, actions)


def _actions(
    loops: tuple[str, ...],
    per_point: Mapping[str, int],
    extents: Mapping[str, int],
    exact: Mapping[str, int],
) -> dict[str, float]:
    chosen = exact if "M0" in loops else extents
    points = math.prod(chosen[rank] for rank in loops)
    return {action: float(points * n) for action, n in per_point.items()}


def _kernel(design: Design, kernel: Kernel, array: Array, extents: Mapping[str, int]) -> KernelCost:
    cascade = inside(design, kernel)
    tiler = Tiler(design, array, cascade, extents)
    tile = tiler.tile()
    cycles = sum(_stage_cycles(design, stage, array, extents) for stage in kernel)
    waits = [name for stage in kernel for name in stage if name in design.waits]
    cycles += sum(array.side * _cycles(design, name, array, extents) for name in waits)
    read, written = _moved(design, tiler, tile)
    return KernelCost(cycles, read, written, tile, passes(cascade, design.rank))


def _stage_cycles(
    design: Design, stage: tuple[str, ...], array: Array, extents: Mapping[str, int]
) -> float:
    busy = {True: 0.0, False: 0.0}
    for name in stage:
        busy[name in design.matrix] += _cycles(design, name, array, extents)
    return max(busy.values())


def _cycles(design: Design, name: str, array: Array, extents: Mapping[str, int]) -> float:
    einsum = design.cascade[name]
    lanes = array.side**2 if name in design.matrix else array.side
    padded = {
        **extents,
        "P": array.side * -(-extents["P"] // array.side),
        "M": array.side * extents["M1"],
    }
    return einsum.points(padded) * einsum.cycles_per_point / lanes


def _moved(design: Design, tiler: Tiler, tile: Tile) -> tuple[dict[str, float], dict[str, float]]:
    """Bytes read and written by tensor: what comes from outside, what others read, what spills."""
    made = {e.name: e for e in tiler.cascade.einsums}
    read, written = dict[str, float](), dict[str, float]()
    for einsum in made.values():
        for tensor, ranks in einsum.reads.items():
            if tensor not in made:
                read[tensor] = tiler.trips(ranks, tile.rows) * tiler.bytes_of(ranks)
        size_b = tiler.bytes_of(einsum.ranks)
        readers = design.cascade.readers(einsum.name)
        if not readers or any(r.name not in made for r in readers):
            written[einsum.name] = size_b
        elif tile.spilled and (reads := tiler.reads_through_buffer(einsum)):
            written[einsum.name] = tile.spilled * size_b
            read[einsum.name] = tile.spilled * size_b * reads
    return read, written
