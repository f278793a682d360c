"""What each layer gets, what became of it, and the formats that the cost model sees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from picojoule.errors import InputError
from picojoule.formats import FP32, FixedGrid, Format
from picojoule.formats.base import Arithmetic, Codes, FormatBase
from picojoule.transforms.quantize.quantizer import Quantizer, Subset

__all__ = [
    "Card",
    "LayerPlan",
    "Plan",
    "Quantized",
    "Site",
    "Stored",
    "formats_of",
    "in_layer",
    "uniform",
]


@dataclass(frozen=True, slots=True)
class Site:
    """A layer that can be quantised.

    name: its path in the module tree. kind: its class. shape: of its weight as a matrix, (out,
    in), where a convolution's in is channels × kernel. takes_numbers: whether its input is
    numbers, not indices.
    """

    name: str
    kind: str
    shape: tuple[int, int]
    takes_numbers: bool = True


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """Quantisers of a layer's weight and of its input; None leaves it as it is.

    Weights are quantised as the matrix (out, in), inputs as (tokens, in): channels last.
    """

    weight: Quantizer | Subset | None = None
    activation: Quantizer | None = None


Plan = Mapping[str, LayerPlan]


def uniform(sites: Iterable[Site], layer: LayerPlan) -> dict[str, LayerPlan]:
    """The same for all; inputs that are indices stay."""
    return {s.name: layer if s.takes_numbers else LayerPlan(layer.weight) for s in sites}


@dataclass(frozen=True, slots=True)
class Quantized:
    """A layer as it is now. error: relative squared error of its weight."""

    name: str
    weight: str
    activation: str
    bits: float
    error: float


@dataclass(frozen=True, slots=True)
class Card:
    """What was done: quantised layers, and those that were skipped with the reason."""

    quantized: tuple[Quantized, ...]
    skipped: Mapping[str, str]

    def __str__(self) -> str:
        done = [
            f"{q.name}: weights {q.weight} ({q.bits:.3g} bits, error {q.error:.2e}), "
            f"inputs {q.activation}"
            for q in self.quantized
        ]
        return "\n".join([*done, *(f"{n}: skipped, {why}" for n, why in self.skipped.items())])


@dataclass(frozen=True, slots=True)
class Stored(FormatBase):
    """A format with the scales that it is stored with: `bits` per element in all.

    It computes as its `grid` does.
    """

    grid: Format
    bits: float

    @property
    def name(self) -> str:
        """The grid's."""
        return self.grid.name

    @property
    def arithmetic(self) -> Arithmetic:
        """The grid's."""
        return self.grid.arithmetic

    @property
    def terms(self) -> int:
        """The grid's."""
        return self.grid.terms

    def bits_per_element(self, shape: Sequence[int] = ()) -> float:
        """Scales included."""
        return self.bits

    def encode(self, x: Any) -> Codes:
        """The grid's."""
        return self.grid.encode(x)

    def decode(self, codes: Codes) -> Any:
        """The grid's."""
        return self.grid.decode(codes)


def formats_of(plan: Plan, sites: Iterable[Site]) -> dict[str, tuple[Format, Format]]:
    """(weights, activations) of each planned layer, for `picojoule.allocate.with_formats`.

    Without embeddings, which are looked up and not multiplied. With the bits of scales: those of
    weights, and those that dynamic activations carry. A weight of two formats is priced in the
    wider one's arithmetic and their mean bits. Raises InputError for a layer that is no site.
    """
    known = {s.name: s for s in sites}
    if unknown := [n for n in plan if n not in known]:
        raise InputError(f"no layer {unknown[0]!r} to quantise", expected=", ".join(known))
    formats: dict[str, tuple[Format, Format]] = {}
    for name, layer in plan.items():
        shape = known[name].shape
        if not known[name].takes_numbers:
            continue
        with in_layer(name):
            weight = _weight_format(layer.weight, shape)
            formats[name] = weight, _input_format(layer.activation, shape[1])
    return formats


@contextmanager
def in_layer(name: str) -> Iterator[None]:
    """Errors inside name the layer."""
    try:
        yield
    except InputError as e:
        where = name if e.where is None else f"{name}, {e.where}"
        raise InputError(e.what, where=where, got=e.got, expected=e.expected, fix=e.fix) from e


def _weight_format(weight: Quantizer | Subset | None, shape: tuple[int, int]) -> Format:
    if weight is None:
        return FP32
    bits = weight.bits_per_element(shape)
    if isinstance(weight, Quantizer):
        return Stored(weight.format, bits)
    grids = weight.inside.format, weight.outside.format
    return Stored(max(grids, key=lambda g: g.bits_per_element()), bits)


def _input_format(activation: Quantizer | None, features: int) -> Format:
    if activation is None:
        return FP32
    if activation.when != "dynamic" and isinstance(activation.format, FixedGrid):
        return activation.format  # its one scale is nothing beside the tokens
    return Stored(activation.format, activation.bits_per_element((1, features)))
