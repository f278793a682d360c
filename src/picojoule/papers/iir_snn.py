"""IIR-SNN: what direct encoding costs, and what running the first layer once gives back."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from picojoule.chips.unit_energies import operation_j
from picojoule.cost.event import EventCounts, Recording, count_events
from picojoule.papers.paper import Finding, Paper, Verdict

_WIDTHS, _STEPS, _ADDITIONS = (64, 64, 64, 10), 5, 8712  # additions of a trained digits network


def energy_nj(counts: EventCounts, fmt: str) -> float:
    """Arithmetic alone at 45 nm."""
    add, multiply = (operation_j(what, fmt, 45).value for what in ("add", "multiply"))
    return (counts.macs * (add + multiply) + counts.acs * add) * 1e9


def check(data: Path | None) -> list[Finding]:
    """A 64-64-64-10 network on 5 steps of the same image, against the network without spikes."""
    image = np.random.default_rng(0).random(_WIDTHS[0])
    first = Recording(np.tile(image, (_STEPS, 1)), _WIDTHS[1])
    spikes = EventCounts(acs=_ADDITIONS)
    naive, hoisted = (count_events(first, hoist=h) + spikes for h in (False, True))
    ann = EventCounts(macs=sum(a * b for a, b in pairwise(_WIDTHS)))
    networks = {"naive": naive, "ANN": ann, "hoisted": hoisted}
    ours = {
        (name, fmt): energy_nj(counts, fmt)
        for name, counts in networks.items()
        for fmt in ("float32", "int8")
    }
    return [
        Finding("direct encoding, float32", 102.0, ours["naive", "float32"], "nJ", 1e-3),
        Finding("the network without spikes, float32", 40.6, ours["ANN", "float32"], "nJ", 1e-3),
        Finding("first layer once, float32", 26.7, ours["hoisted", "float32"], "nJ", 1e-3),
        Finding("the network without spikes, int8", 2.0, ours["ANN", "int8"], "nJ", 0.025),
        Finding("first layer once, int8", 1.2, ours["hoisted", "int8"], "nJ", 0.04),
        Finding("direct encoding over the network without spikes, if spikes save energy", 1.0,
                ours["naive", "float32"] / ours["ANN", "float32"], relation="<=",
                note="the first layer multiplies the same pixels in each of 5 steps"),
    ]  # fmt: skip


PAPER = Paper(
    name="iir-snn",
    row=25,
    title="One timestep is all you need: training spiking neural networks with ultra low latency",
    source="Chowdhury et al., arXiv 2110.05929; 8,712 additions of a trained digits network",
    claim="Spiking networks with direct encoding need less energy, the less the fewer their steps.",
    composition="count_events(first layer, hoist) × unit_energies",
    verdict=Verdict.PARTLY,
    check=check,
)
