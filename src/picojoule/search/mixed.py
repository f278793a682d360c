"""Formats by layer within budgets of predicted energy, for hardware that need not be here.

damage of each format to each layer  ->  allocation at several budgets  ->  plans
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from picojoule.allocate import allocate, layer_costs, units_of, with_formats
from picojoule.chips import Chip
from picojoule.cost import estimate
from picojoule.errors import InputError
from picojoule.graph import Graph
from picojoule.ledger import Array
from picojoule.quantity import Quantity
from picojoule.search.damage import Damage, layer_plan
from picojoule.transforms.quantize import Quantize, Site, formats_of

__all__ = ["Mixed", "layers_of", "plans"]

_SHARES = (0.5, 0.75)  # accuracy is lost early on the way down


@dataclass(frozen=True)
class Mixed:
    """A plan: the format of each layer by name, and joules of one run of the whole model.

    damage: of all its layers, as if their errors added up. notes: what its ledger remarks, such as
    that the weights don't fit the chip.
    """

    name: str
    formats: tuple[tuple[str, str], ...]
    energy: Quantity
    damage: float
    notes: tuple[str, ...]


def layers_of(model: Any, graph: Graph) -> tuple[list[Site], list[str]]:
    """Layers that can have a format of their own, and what else multiplies, which can't."""
    units = units_of(graph)
    sites = [s for s in Quantize().sites(model) if s.takes_numbers and s.name in units]
    names = {s.name for s in sites}
    return sites, [u for u in units if u not in names]


def plans(
    graph: Graph,
    chip: Chip,
    sites: Iterable[Site],
    found: Damage,
    energy_budget_j: float | None = None,
) -> list[Mixed]:
    """Uniform plans, and those of the least damage within budgets of joules on `chip`.

    The budgets: what each format costs everywhere ("mixed at int4"), shares of the way to the next
    ("mixed 50% int4..int8"), and energy_budget_j for the whole model. Plans that come out alike are
    one. Scales are priced with the plan, and not while choosing. Raises InputError for a budget
    that nothing meets, with the least that something does, and where the chip computes in no
    format of a layer.
    """
    known = [s for s in sites if s.name in found.layers]
    if not known:
        return []
    energy = _energies(graph, chip, found)
    choices = _uniform(found, energy)
    if energy_budget_j is not None:
        joules = _for_layers(graph, chip, known, found, energy, energy_budget_j)
        choices.append((f"mixed at {energy_budget_j:g} J", _best(found, energy, joules)))
    choices += [(name, _best(found, energy, joules)) for name, joules in _budgets(found, energy)]
    names: dict[tuple[int, ...], str] = {}
    for name, options in choices:
        names.setdefault(options, name)
    return [_plan(graph, chip, known, found, name, o) for o, name in names.items()]


def _energies(graph: Graph, chip: Chip, found: Damage) -> Array:
    """Joules [layer, format]; NaN where the chip or the layer can't have the format."""
    quantisers = [layer_plan(name) for name in found.formats]
    options = [(p.weight.format, p.activation.format) for p in quantisers]  # type: ignore[union-attr]
    row = {u: i for i, u in enumerate(units_of(graph))}
    cost = layer_costs(graph, chip, options)[[row[n] for n in found.layers], :, 0]
    energy: Array = np.where(np.isfinite(found.error), cost, np.nan)
    if (nothing := np.isnan(energy).all(axis=1)).any():
        raise InputError(
            f"{chip.name} computes in none of the formats",
            where=found.layers[int(nothing.argmax())], got=", ".join(found.formats),
        )  # fmt: skip
    return energy


def _ranked(energy: Array) -> tuple[list[int], Array]:
    """Formats that all layers can have, cheapest first, and the joules of each."""
    totals = energy.sum(axis=0)
    return [int(i) for i in np.argsort(totals, kind="stable") if np.isfinite(totals[i])], totals


def _uniform(found: Damage, energy: Array) -> list[tuple[str, tuple[int, ...]]]:
    usable, _ = _ranked(energy)
    return [(found.formats[i], (i,) * len(energy)) for i in usable]


def _budgets(found: Damage, energy: Array) -> list[tuple[str, float]]:
    usable, totals = _ranked(energy)
    whole = [(f"mixed at {found.formats[i]}", float(totals[i])) for i in usable]
    between = [
        (
            f"mixed {share:.0%} {found.formats[a]}..{found.formats[b]}",
            float((1 - share) * totals[a] + share * totals[b]),
        )
        for a, b in pairwise(usable)
        for share in _SHARES
    ]
    return whole + between


def _best(found: Damage, energy: Array, joules: float) -> tuple[int, ...]:
    loss = np.where(np.isfinite(energy), found.error, np.nan)
    return allocate(loss, energy[..., None], np.array([joules])).options


def _for_layers(
    graph: Graph, chip: Chip, sites: Sequence[Site], found: Damage, energy: Array, budget_j: float
) -> float:
    """The part of the model's budget that is left for these layers.

    What the rest costs follows from the cheapest plan: its ledger less the sum of its layers.
    """
    cheapest = np.where(np.isfinite(energy), energy, np.inf).argmin(axis=1)
    options = tuple(int(i) for i in cheapest)
    least = _plan(graph, chip, sites, found, "", options).energy.value
    if budget_j < least:
        raise InputError(
            "the energy budget is infeasible", where=chip.name, got=f"{budget_j:.4g} J per call",
            expected=f"at least {least:.4g} J", fix="raise it, or offer narrower formats",
        )  # fmt: skip
    return budget_j - least + float(np.nanmin(energy, axis=1).sum())


def _plan(
    graph: Graph, chip: Chip, sites: Sequence[Site], found: Damage, name: str,
    options: tuple[int, ...],
) -> Mixed:  # fmt: skip
    formats = tuple(zip(found.layers, (found.formats[o] for o in options), strict=True))
    damage = sum(float(row[o]) for row, o in zip(found.error, options, strict=True))
    stored = formats_of({name: layer_plan(fmt) for name, fmt in formats}, sites)
    ledger = estimate(with_formats(graph, stored), chip)
    remarks = tuple(str(note) for note in ledger.meta.get("notes", ()))
    return Mixed(name, formats, ledger.total().energy, damage, remarks)
