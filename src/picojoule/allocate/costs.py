"""What each option of each layer costs, by the cost model that prices the ledger.

A unit is a module with contractions (matrix products, convolutions), by its path in the module
tree; a contraction outside of modules is a unit by its op's name. An option is a pair of formats:
weights, and activations with the output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from picojoule.chips import Chip
from picojoule.cost import family
from picojoule.errors import InputError, nearest
from picojoule.formats import Float, Format
from picojoule.graph import Graph, Kind, Op, Operand, Phase, Role
from picojoule.graph.count import macs
from picojoule.ledger import Array, Ledger

__all__ = ["RESOURCES", "Formats", "layer_costs", "units_of", "with_formats"]

RESOURCES = ("energy_j", "time_s", "weight_bytes", "bops")

Formats = tuple[Format, Format]  # of the weights, of the activations

_CONTRACTIONS = (Kind.MATMUL, Kind.CONV)


def units_of(graph: Graph) -> tuple[str, ...]:
    """The units of `graph`, in the order in which they run."""
    return tuple(dict.fromkeys(_unit(op) for op in graph.ops if op.kind in _CONTRACTIONS))


def layer_costs(
    graph: Graph, chip: Chip, options: Sequence[Formats], runtime: str | None = None
) -> Array:
    """Costs [unit, option, resource] of one run, in the order of `units_of` and RESOURCES.

    energy_j and time_s: the ledger's rows of the unit's contractions, NaN where the chip has no
    unit that computes in the formats. weight_bytes: stored once, however many phases read them.
    bops: bit operations, MACs × bits × bits of the two factors (as in HAWQ-V3).

    Each option is priced by one ledger in which all units have it, so what depends on the whole
    model (whether the weights fit a memory level) is as if all chose alike. Sums over units are
    exact for a uniform choice; price `with_formats` for a mixed one. Ops between the contractions
    keep their formats and are not included. Raises InputError when there is nothing to choose.
    """
    units = units_of(graph)
    if not units or not options:
        raise InputError("nothing to choose", got=f"{len(units)} units, {len(options)} options")
    columns = [_option_costs(graph, chip, units, o, runtime) for o in options]
    return np.stack(columns, axis=1)


def with_formats(graph: Graph, choice: Mapping[str, Formats]) -> Graph:
    """`graph` with the contractions of each named unit in its formats; the others stay.

    Only floating-point operands change: indices and masks stay integers. Raises InputError for a
    name that is no unit.
    """
    units = set(units_of(graph))
    if unknown := [u for u in choice if u not in units]:
        raise InputError(f"no unit {unknown[0]!r} in the graph", fix=nearest(unknown[0], units))
    return graph.with_ops(tuple(_stored(op, choice) for op in graph.ops))


def _unit(op: Op) -> str:
    return op.module or op.name


def _stored(op: Op, choice: Mapping[str, Formats]) -> Op:
    if op.kind not in _CONTRACTIONS or (formats := choice.get(_unit(op))) is None:
        return op
    return replace(op, operands=tuple(_in_format(o, *formats) for o in op.operands))


def _in_format(operand: Operand, weights: Format, activations: Format) -> Operand:
    if not isinstance(operand.format, Float):
        return operand
    return replace(operand, format=weights if operand.role is Role.WEIGHT else activations)


def _option_costs(
    graph: Graph, chip: Chip, units: Sequence[str], option: Formats, runtime: str | None
) -> Array:
    """Costs [unit, resource] when every unit has `option`."""
    uniform = with_formats(graph, dict.fromkeys(units, option))
    number = {u: i for i, u in enumerate(units)}
    ledger = family(chip, runtime).estimate(uniform, chip)
    bits = np.zeros((len(units), 2))
    stored: dict[Phase, Array] = {}
    for op in uniform.ops:
        if op.kind in _CONTRACTIONS:
            i = number[_unit(op)]
            bits[i, 1] += macs(op) * _bit_product(op)
            by_unit = stored.setdefault(op.phase, np.zeros(len(units)))
            by_unit[i] += sum(op.bytes_of(o) for o in op.operands if o.role is Role.WEIGHT)
    bits[:, 0] = np.max(list(stored.values()), axis=0)
    return np.hstack([_priced(ledger, number), bits])


def _priced(ledger: Ledger, number: Mapping[str, int]) -> Array:
    """Joules and seconds [unit, 2] of the contractions' rows."""
    rows = np.isin(ledger["kind"], [str(k) for k in _CONTRACTIONS])
    module, op = ledger["module"][rows], ledger["op"][rows]
    names, inverse = np.unique(np.where(module == "", op, module), return_inverse=True)
    unit = np.array([number[str(n)] for n in names], dtype=np.intp)[inverse]
    values = np.stack([ledger["energy_j"][rows], ledger["time_s"][rows]], axis=1)
    out = np.zeros((len(number), 2))
    np.add.at(out, unit, values)
    return out


def _bit_product(op: Op) -> float:
    """Bits of the one factor times bits of the other."""
    factors = [o for o in op.operands if o.role is not Role.OUTPUT][:2]
    return float(np.prod([f.format.bits_per_element() for f in factors]))
