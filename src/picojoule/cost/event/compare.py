"""Spikes against the bit-matched quantised network, on one chip and under one accounting.

A neuron that may spike once in each of T steps tells one of T + 1 values, which take
ceil(log2(T + 1)) bits (Yan et al., arXiv 2409.08290). So the fair baseline of a spiking network is
not a float32 one: it is the same layers with activations of that many bits, run once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from picojoule.chips import Chip, load_chip
from picojoule.cost.event.estimate import Events
from picojoule.cost.event.look import DataClass
from picojoule.cost.event.work import is_neuron, product, spiking
from picojoule.errors import InputError
from picojoule.formats import INT8, INT32, Format, Int
from picojoule.graph import Graph, Kind, Op, Operand, Role
from picojoule.ledger import Ledger

__all__ = [
    "AgainstAnn",
    "break_even_rate",
    "compare_with_ann",
    "matched_ann",
    "matched_bits",
    "perceptron",
]

_ARITHMETIC = ("ac", "mac", "neuron", "vector")
_SPIKE = Int(1, signed=False)


def matched_bits(steps: int) -> int:
    """Bits of an activation that tells as much as `steps` binary spikes. Raises InputError below
    one step."""
    if steps < 1:
        raise InputError("a spiking network takes at least one step", got=steps, expected="≥ 1")
    return steps.bit_length()  # ceil(log2(steps + 1)), exactly


def break_even_rate(steps: int) -> float:
    """The mean spike rate below which spikes move fewer bits: ceil(log2(T + 1)) / (8 T).

    Per synapse the spiking network moves 8 bits for each of its T × rate spikes, and the matched
    network its activation once. Source: arXiv 2409.08290 in the limit where movement is all.
    Raises InputError below one step.
    """
    return matched_bits(steps) / (8 * steps)


@dataclass(frozen=True, slots=True)
class AgainstAnn:
    """Two ledgers of the same layers. bits: of the baseline's activations. rate: mean spike rate,
    weighted by the synapses that it reaches. break_even: the rate at which both need the same;
    NaN where no rate of spikes does."""

    snn: Ledger
    ann: Ledger
    bits: int
    rate: float
    break_even: float

    @property
    def ratio(self) -> float:
        """Joules of spikes over joules of the baseline; below 1 spikes win."""
        return self.snn.total().energy.value / self.ann.total().energy.value

    @property
    def compute_ratio(self) -> float:
        """The same of arithmetic alone, which is what most papers print."""
        snn, ann = (x.where(component=_ARITHMETIC).total().energy for x in (self.snn, self.ann))
        return snn.value / ann.value


def compare_with_ann(
    graph: Graph, on: str | Path | Chip, ann_on: str | Path | Chip | None = None
) -> AgainstAnn:
    """A spiking `graph` and its bit-matched baseline, with the break-even spike rate.

    ann_on: where the baseline runs, if not on the same chip, as for chips without a multiplier.
    Raises InputError for a graph without binary inputs, and where a ledger lacks joules, with the
    ops that do; ChipError for a chip without an [event] part.
    """
    chip = on if isinstance(on, Chip) else load_chip(on)
    other = chip if ann_on is None else ann_on if isinstance(ann_on, Chip) else load_chip(ann_on)
    if not spiking(graph):
        raise InputError("no contraction has binary inputs", where=graph.name)
    steps = max(op.repeat for op in spiking(graph))
    snn, ann = Events().estimate(graph, chip), Events().estimate(matched_ann(graph), other)
    silent = Events().estimate(_at_rates(graph, 0.0), chip)
    joules = [_joules(ledger) for ledger in (snn, ann, silent)]
    rate = _rate(graph)
    slope = (joules[0] - joules[2]) / rate if rate else 0.0
    at = (joules[1] - joules[2]) / slope if slope else float("nan")
    return AgainstAnn(snn, ann, matched_bits(steps), rate, at if at > 0 else float("nan"))


def matched_ann(graph: Graph) -> Graph:
    """`graph` with activations of as many bits as its steps tell, run once, without states.

    Raises InputError for a graph without binary inputs.
    """
    found = spiking(graph)
    if not found:
        raise InputError("no contraction has binary inputs", where=graph.name)
    steps = max(op.repeat for op in found)
    fmt = Int(matched_bits(steps), signed=False)
    ops = tuple(replace(_once(op, fmt), repeat=max(op.repeat // steps, 1)) for op in graph.ops)
    return replace(graph, name=f"{graph.name}, {fmt.name} activations", ops=ops)


def perceptron(
    widths: Sequence[int],
    rates: Sequence[float],
    steps: int,
    weight: Format = INT8,
    positions: int = 1,
) -> Graph:
    """A spiking perceptron: a product and a population of neurons for each layer.

    widths: of the input and of each layer. rates: spikes per step of the input and of each layer
    but the last. positions: where the same weights apply, as in a 1 × 1 convolution. Raises
    InputError for fewer rates or steps than it takes.
    """
    if len(widths) < 2 or len(rates) != len(widths) - 1 or steps < 1 or min(*widths, positions) < 1:
        raise InputError(
            "not a perceptron", got=(widths, rates, steps), expected="a rate per layer, steps ≥ 1"
        )
    ops: list[Op] = []
    for i, (k, n, rate) in enumerate(zip(widths, widths[1:], rates, strict=False), 1):
        after = rates[i] if i < len(rates) else 1.0
        spikes = Operand(("m", "k"), _SPIKE, Role.INPUT, density=rate)
        weights = Operand(("k", "n"), weight, Role.WEIGHT)
        current = Operand(("m", "n"), INT32, Role.OUTPUT, on_chip=True)
        state = Operand(("m", "n"), INT32, Role.STATE)
        fired = Operand(("m", "n"), _SPIKE, Role.OUTPUT, density=after)
        dims = {"m": positions, "k": k, "n": n}
        ops.append(Op(f"fc{i}", Kind.MATMUL, dims, (spikes, weights, current), repeat=steps))
        added = replace(current, role=Role.INPUT)
        ops.append(
            Op(
                f"lif{i}",
                Kind.ELEMENTWISE,
                {"m": positions, "n": n},
                (added, state, fired),
                repeat=steps,
            )
        )
    return Graph("spiking perceptron", tuple(ops))


def _once(op: Op, fmt: Format) -> Op:
    """The op with dense activations in `fmt`, and no state."""
    kept = [o for o in op.operands if not (is_neuron(op) and o.role is Role.STATE)]
    dense = [
        replace(o, format=fmt, density=1.0) if o.format == _SPIKE and o.role is not Role.WEIGHT
        else o
        for o in kept
    ]  # fmt: skip
    return replace(op, operands=tuple(dense))


def _at_rates(graph: Graph, scale: float) -> Graph:
    def scaled(op: Op) -> Op:
        found = product(op)
        if found is None or found.kind is not DataClass.BINARY:
            return op
        data = replace(found.data, density=scale * found.data.density)
        return replace(op, operands=tuple(data if o is found.data else o for o in op.operands))

    return graph.with_ops(tuple(scaled(op) for op in graph.ops))


def _rate(graph: Graph) -> float:
    """Synaptic operations over synapses × steps, of the contractions that spike."""
    found = [(p, op.repeat) for op in spiking(graph) if (p := product(op)) is not None]
    dense = sum(p.operations / p.data.density * n for p, n in found if p.data.density)
    return sum(p.operations * n for p, n in found) / dense if dense else 0.0


def _joules(ledger: Ledger) -> float:
    total = ledger.total()
    if total.missing:
        raise InputError(
            f"{ledger.meta['chip']} can't price {len(total.missing)} ops of {ledger.meta['model']}",
            got=", ".join(total.missing[:3]),
            fix="give a chip that has a unit for them: ann_on='convention-45nm'",
        )
    return total.energy.value
