"""An oracle for the reuse analysis: walk a mapping's loops one turn at a time, with sets.

Independent of the package's arithmetic: a tile is the set of elements that its loops and units
touch, a transfer is what of it isn't there yet.
"""

from __future__ import annotations

import itertools
import math


def element(tensor, index):
    """Coordinates of the element of `tensor` at these loop indices."""
    plain = tuple(index[d] for d in tensor.dims)
    return plain + tuple(s.stride * index[s.p] + s.dilation * index[s.r] for s in tensor.slides)


def walk(nest, machine, mapping):
    """Elements moved: {(tensor, inner level or None, outer level): (inward, outward)} at the
    outer level, all of its instances. Every level's instances do the same work, so one is walked.
    """
    names = nest.names
    loops = [(names.index(d), int(t)) for d, t in mapping.loops]
    spread = [(machine.axes.index(a), names.index(d), int(u)) for a, d, u in mapping.spread]
    moved = {}
    for number, tensor in enumerate(nest.tensors):
        cuts = dict(zip(machine.chain(tensor), mapping.held[tensor.slot], strict=False))
        inner = None
        for outer in machine.chain(tensor):
            cut = 0 if inner is None else cuts[inner]
            key = (number, inner, outer)
            moved[key] = _link(nest, machine, tensor, loops, spread, inner, outer, cut)
            inner = outer
    return moved


def _link(nest, machine, tensor, loops, spread, inner, outer, cut):
    per = machine.stores[outer].per
    below = [(d, u) for a, d, u in spread if a not in per]
    units = math.prod(u for a, _, u in spread if a in per)
    rules = None if inner is None else machine.stores[inner].rules
    sliding = rules is not None and rules.sliding and tensor.slot != "output"
    every_turn = inner is None and (tensor.slot == "output" or not machine.part.holds_inputs)
    scale = _scales(loops, spread, len(nest.names))
    outside = loops[cut:][::-1]
    held, seen, inward, outward, before = None, set(), 0, 0, None
    matters = [dim in tensor.relevant for dim, _ in outside]
    for turn in itertools.product(*(range(t) for _, t in outside)):
        base = [0] * len(nest.names)
        for (dim, _), i, step in zip(outside, turn, scale[cut:][::-1], strict=True):
            base[dim] += i * step
        tile = frozenset(_touched(tensor, base, loops[:cut], scale, below))
        # Hardware refetches when a loop that indexes the tensor turns, even where a sliding
        # position and the kernel happen to meet at the same elements again.
        if before is None or every_turn or _turned(matters, before, turn):
            new = len(tile)
            if sliding and before is not None and _one_step(tensor, outside, before, turn):
                new = len(tile - held)
            if tensor.slot == "output":
                outward += new
                inward += len(tile & seen) if machine.part.reads_first_partial is False else 0
                seen |= tile
            else:
                inward += new
        held, before = tile, turn
    return inward * units, outward * units


def _scales(loops, spread, dims):
    """Step of each loop in its dim: units are innermost."""
    size = [1] * dims
    for _, dim, units in spread:
        size[dim] *= units
    steps = []
    for dim, turns in loops:
        steps.append(size[dim])
        size[dim] *= turns
    return steps


def _touched(tensor, base, inside, scale, below):
    ranges = [range(t) for _, t in inside] + [range(u) for _, u in below]
    unit_step = {}
    steps = []
    for dim, units in below:
        steps.append(unit_step.get(dim, 1))
        unit_step[dim] = unit_step.get(dim, 1) * units
    for turn in itertools.product(*ranges):
        index = list(base)
        for (dim, _), i, step in zip(inside, turn, scale, strict=False):
            index[dim] += i * step
        for (dim, _), i, step in zip(below, turn[len(inside) :], steps, strict=True):
            index[dim] += i * step
        yield element(tensor, index)


def _turned(matters, before, turn):
    return any(m and a != b for m, a, b in zip(matters, before, turn, strict=True))


def _one_step(tensor, outside, before, turn):
    """Whether only one loop over a sliding position went on by one, among loops that matter."""
    changed = [
        (dim, b - a)
        for (dim, _), a, b in zip(outside, before, turn, strict=True)
        if a != b and dim in tensor.relevant
    ]
    return (
        len(changed) == 1
        and changed[0][1] == 1
        and changed[0][0] in {s.p for s in tensor.slides if s.dilation == 1}
    )
