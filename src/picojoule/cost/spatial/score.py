"""Score: energy and cycles of many mappings at once.

::

    energy = MACs × pJ per MAC + Σ bits moved × pJ per bit, at both ends of every transfer
    cycles = max(turns of all loops + Σ exposed transfers, bits of a port / bits per cycle, ...)

A port's bits are those of one instance; a level with separate ports reads and writes at the same
time. The transfers of a "single" buffered level are exposed: the array waits for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from picojoule.cost.spatial.cuts import Choices
from picojoule.cost.spatial.reuse import Flow, Orders, Setup
from picojoule.ledger import Array

__all__ = ["OBJECTIVES", "Scores", "score"]

OBJECTIVES = ("energy", "latency", "edp")


@dataclass(frozen=True)
class Scores:
    """energy_pj: of the memories. cycles, and busy: cycles of the array and of each store's
    busiest port, in this order along the last axis."""

    energy_pj: Array
    cycles: Array
    busy: Array

    def by(self, objective: str, mac_pj: float) -> Array:
        """What to minimise; ties go to the other of energy and time."""
        energy = self.energy_pj + mac_pj
        if objective == "energy":
            value: Array = energy * (1 + 1e-12 * self.cycles)
        elif objective == "latency":
            value = self.cycles * (1 + 1e-12 * energy / energy.max(initial=1))
        else:
            value = energy * self.cycles
        return value


def score(setup: Setup, orders: Orders, moved: Sequence[Flow], chosen: Choices) -> Scores:
    """Energy and cycles of every choice."""
    machine, rows = setup.machine, chosen.order
    energy = np.zeros(len(rows))
    reads = np.zeros((len(rows), len(machine.stores)))
    writes = np.zeros_like(reads)
    array = orders.outer[rows, 0].copy()
    for number, flow in enumerate(moved):
        at = (rows, chosen.cuts[:, number])
        energy += flow.energy_pj(machine)[at]
        out = setup.units(machine.stores[flow.outer].per)
        reads[:, flow.outer] += flow.in_outer[at] / out
        writes[:, flow.outer] += flow.out_outer[at] / out
        if flow.inner is not None:
            inner = machine.stores[flow.inner]
            units = setup.units(inner.per)
            reads[:, flow.inner] += flow.out_inner[at] / units
            writes[:, flow.inner] += flow.in_inner[at] / units
            if inner.rules.buffering == "single":
                bits = np.maximum(flow.in_inner[at], flow.out_inner[at]) / units
                array += bits / inner.bits_per_cycle
    busy = np.empty((len(rows), len(machine.stores) + 1))
    busy[:, 0] = array
    for i, store in enumerate(machine.stores):
        shared = store.rules.ports == "shared"
        bits = reads[:, i] + writes[:, i] if shared else np.maximum(reads[:, i], writes[:, i])
        busy[:, i + 1] = bits / store.bits_per_cycle
    return Scores(energy, busy.max(axis=1), busy)
