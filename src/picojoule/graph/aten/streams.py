"""Everything that is not a contraction: data streams through, or part of a table moves."""

from __future__ import annotations

import math
from dataclasses import replace

from torch import Tensor

from picojoule.graph.aten.names import reads_self
from picojoule.graph.aten.parts import Call, Part, Slot
from picojoule.graph.ir import Kind

__all__ = ["fused_update", "gather", "pool", "streamed"]

# The work of these is set by what goes in, not by what comes out.
_BY_INPUT = frozenset({Kind.REDUCE, Kind.SORT, Kind.CUSTOM})


def streamed(kind: Kind, call: Call) -> Part:
    """An op that reads each input once and writes each output once."""
    inputs, outputs = call.inputs, call.outputs
    if kind is Kind.COPY and not reads_self(call.name):
        inputs = inputs[1:]
    sizes = [t.numel() for t in outputs[:1]]
    if kind in _BY_INPUT or not sizes:
        sizes = [t.numel() for t in [*inputs, *outputs]]
    reads, writes = [call.read(t, "e") for t in inputs], [call.write(t, "e") for t in outputs]
    return Part(kind, {"e": max(sizes, default=0)}, (*reads, *writes))


def gather(call: Call) -> Part:
    """A table read or written in part: the rows touched move, not the whole table."""
    inputs, outputs = call.inputs, call.outputs
    moved = sum(t.numel() for t in outputs)
    is_scatter = outputs and len(inputs) > 1 and outputs[0].shape == inputs[0].shape
    if is_scatter:
        # What is written is the source, not the table that it lands in.
        moved = min(moved, max(t.numel() for t in inputs[1:]))
    indices = [t for t in inputs if not t.dtype.is_floating_point]
    reads = [call.read(t, "e") if any(t is i for i in indices) else _part(call.read(t, "e"), moved)
             for t in inputs]  # fmt: skip
    writes = [_part(call.write(t, "e"), moved) for t in outputs]
    return Part(Kind.GATHER, {"e": moved}, (*reads, *writes))


def _part(slot: Slot, moved: int) -> Slot:
    operand, tensor = slot
    return replace(operand, stored=min(operand.stored or 0, moved)), tensor


def pool(call: Call) -> Part:
    """Pooling compares or adds `w` inputs per output; backward is its mirror."""
    inputs, outputs = tensors_of(call), call.outputs
    sizes = inputs[0].numel(), outputs[0].numel()
    dims = {"e": min(sizes), "w": max(_window(call, outputs[0], sizes), 1)}
    reads, writes = [call.read(t, "e") for t in inputs], [call.write(t, "e") for t in outputs]
    return Part(Kind.POOL, dims, (*reads, *writes))


def tensors_of(call: Call) -> list[Tensor]:
    """The tensors among the positional arguments of a pooling call."""
    return [a for a in call.args if isinstance(a, Tensor)]


def _window(call: Call, out: Tensor, sizes: tuple[int, int]) -> int:
    kernel = next((a for a in call.args[1:] if isinstance(a, list | tuple) and a), ())
    # Adaptive pooling names its output size, not its kernel: input/output is its mean window.
    if not kernel or tuple(kernel) == tuple(out.shape[-len(kernel) :]):
        return max(sizes) // max(min(sizes), 1)
    return math.prod(kernel)


def fused_update(call: Call) -> list[Part]:
    """Fused optimizers: one elementwise op per parameter over it, its gradient and its state."""
    groups = [a for a in call.args if isinstance(a, list | tuple) and a]
    return [_update(call, tensors) for tensors in zip(*groups, strict=False)]


def _update(call: Call, tensors: tuple[Tensor, ...]) -> Part:
    kept = [t for t in tensors if t.shape == tensors[0].shape]
    # One multiply-add each for weight decay and the parameter, three per kept moment.
    dims = {"e": kept[0].numel(), "w": 2 + 3 * max(len(kept) - 2, 0)}
    written = (kept[0], *kept[2:])
    slots = (*(call.read(t, "e") for t in kept), *(call.write(t, "e") for t in written))
    return Part(Kind.ELEMENTWISE, dims, slots)
