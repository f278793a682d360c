"""Counts of work on events: MACs, additions, synaptic operations, neuron updates, bytes.

Of one input element x that takes part in `fan_out` products of a layer:

    real       fan_out MACs, whatever its value; so are integers of more than SPIKE_LEVELS levels
    binary     fan_out additions if x is not 0
    integer    |x| / unit × fan_out additions, one for each unit spike; where hardware carries the
               value in one graded event, fan_out integer MACs if x is not 0

So a dense binary input in one step has as many additions as the layer has MACs, and no input has
none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from picojoule.cost.event.look import Seen, look
from picojoule.errors import InputError

__all__ = ["EventCounts", "Recording", "conv_fan_out", "count_events"]


@dataclass(frozen=True, slots=True)
class EventCounts:
    """Work of a layer, or of a network, on all inputs and in all time steps.

    macs: with real inputs. acs: additions of a weight, one for each unit spike and synapse: these
    are the synaptic operations. graded_macs: the same work where one event carries an integer;
    equal to acs for binary inputs. events: unit spikes that enter. updates: neuron updates.
    """

    macs: float = 0.0
    acs: float = 0.0
    graded_macs: float = 0.0
    events: float = 0.0
    updates: float = 0.0

    def __add__(self, other: EventCounts) -> EventCounts:
        """Work of both."""
        return EventCounts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def mac_share(self) -> float:
        """MACs over all products; 0 for a layer without work."""
        total = self.macs + self.acs
        return self.macs / total if total else 0.0


@dataclass(frozen=True)
class Recording:
    """What one layer was given.

    inputs: (steps, ...) activations. fan_out: products that each element takes part in, a number
    or an array that broadcasts to one step. neurons: elements that the layer gives in one step.
    Raises InputError for less than one step, for a bad fan-out, and for what `look` refuses.
    """

    inputs: NDArray[Any]
    fan_out: NDArray[Any] | float
    neurons: int = 0

    def __post_init__(self) -> None:
        inputs, fan_out = np.asarray(self.inputs), np.asarray(self.fan_out, dtype=float)
        if inputs.ndim < 1 or inputs.shape[0] < 1:
            raise InputError("no time steps", got=f"shape {inputs.shape}", expected="(steps, ...)")
        if not (np.isfinite(fan_out).all() and (fan_out >= 0).all()) or self.neurons < 0:
            raise InputError("fan-out and neurons are counts", got=self.neurons, expected="≥ 0")
        try:
            np.broadcast_to(fan_out, inputs.shape[1:])
        except ValueError as error:
            raise InputError(
                "fan_out doesn't fit the inputs", got=fan_out.shape, expected=inputs.shape[1:]
            ) from error
        look(inputs)

    @property
    def steps(self) -> int:
        """Time steps."""
        return int(np.shape(self.inputs)[0])

    @property
    def seen(self) -> Seen:
        """What the inputs are."""
        return look(self.inputs)

    @property
    def repeated(self) -> bool:
        """Whether every step has the same input, so that the layer could run once."""
        x = np.asarray(self.inputs)
        return self.steps > 1 and bool((x == x[0]).all())


def count_events(recording: Recording, *, hoist: bool = False) -> EventCounts:
    """The work of one layer. hoist: a layer with the same input in every step runs once."""
    once = hoist and recording.repeated
    inputs = np.asarray(recording.inputs)[: 1 if once else None]
    seen, updates = recording.seen, float(recording.neurons * recording.steps)
    fan_out = np.broadcast_to(np.asarray(recording.fan_out, dtype=float), inputs.shape)
    if seen.multiplies:
        return EventCounts(macs=float(fan_out.sum()), updates=updates)
    spikes = np.rint(np.abs(inputs) / seen.unit)
    return EventCounts(
        acs=float((spikes * fan_out).sum()),
        graded_macs=float(((spikes > 0) * fan_out).sum()),
        events=float(spikes.sum()),
        updates=updates,
    )


def conv_fan_out(
    shape: tuple[int, ...],
    kernel: tuple[int, ...],
    filters: int,
    *,
    stride: int = 1,
    padding: int = 0,
) -> NDArray[np.float64]:
    """Products that each position of one input channel takes part in: an array of `shape`.

    A border position meets fewer taps of the kernel, so its spikes are cheaper. filters: those of
    the element's own group. Raises InputError where the kernel doesn't fit.
    """
    if min(*shape, *kernel, filters, stride) < 1 or padding < 0 or len(shape) != len(kernel):
        raise InputError("not a convolution", got=(shape, kernel, filters, stride, padding))
    axes = [_taps(n, k, stride, padding) for n, k in zip(shape, kernel, strict=True)]
    return filters * math.prod(np.meshgrid(*axes, indexing="ij"), start=np.ones(shape))


def _taps(size: int, kernel: int, stride: int, padding: int) -> NDArray[np.float64]:
    """How many outputs along one axis read each position."""
    outputs = (size + 2 * padding - kernel) // stride + 1
    if outputs < 1:
        raise InputError("the kernel is larger than the padded input", got=kernel, expected=size)
    reads = np.arange(outputs)[:, None] * stride + np.arange(kernel) - padding
    inside = reads[(reads >= 0) & (reads < size)]
    return np.bincount(inside, minlength=size).astype(np.float64)
