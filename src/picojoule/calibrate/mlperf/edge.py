"""Image classifiers on a board's CPU or GPU: joules of one inference at the wall.

Joules are a sum over what the layers do: multiply, multiply in the first layer, multiply
depthwise, move activations, move weights, launch, pool and add, swish and scale, resize the
image. Idle power × time is inside each unit cost, as time is spent in the same places. A board
with a runtime and a precision has its own nine unit costs; all start from equal ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from picojoule.calibrate.cells import Refused
from picojoule.calibrate.measured_set import Floats
from picojoule.calibrate.mlperf import boards
from picojoule.calibrate.mlperf.cnn import (
    Cnn,
    Kind,
    Layer,
    efficientnet_lite,
    mobilenet_v1,
    mobilenet_v2,
    mobilenet_v3,
    resnet50,
)
from picojoule.calibrate.table import Row
from picojoule.errors import nearest

__all__ = ["PARTS", "Edge", "Site", "classifier", "edge", "parts"]

PARTS = (
    "multiply",
    "stem",
    "depthwise",
    "activations",
    "weights",
    "launch",
    "join",
    "swish",
    "image",
)
# How much of each part is taken to cost the same before any row is seen: 1e8 MACs, 1.2e7
# activations and so on. An assumption, good to a factor of about three, as the rows then tell.
_UNIT = np.array([1e8, 3.3e7, 3e7, 1.2e7, 1e7, 150, 1.2e7, 1.2e7, 5e5])
_EXAMPLES = (
    "mobilenet-v1-1.0-224-quantized",
    "mobilenet-v2-1.0-224-non-quantized",
    "mobilenet-v3-large_224_1.0_float",
    "mobilenet-v3-small-minimalistic_224_1.0_uint8",
    "efficientnet-lite0-quantized",
    "resnet50",
)


@dataclass(frozen=True, slots=True)
class Edge:
    """A classifier on a board. model: as `classifier` reads it. run: version and platform."""

    model: str
    chip: str
    machine: str
    backend: str
    run: str

    @property
    def cnn(self) -> Cnn:
        """The network."""
        return classifier(self.model)[0]

    @property
    def precision(self) -> str:
        """fp32 or int8."""
        return classifier(self.model)[1]

    @property
    def family(self) -> str:
        """The architecture, at any width, resolution and precision."""
        name = self.cnn.family
        return "mobilenet-v3-minimalistic" if name.endswith("minimalistic") else name

    @property
    def member(self) -> str:
        """The architecture at its width, at any resolution and precision."""
        return f"{self.family} {self.cnn.weights}"

    @property
    def site(self) -> Site:
        """What its unit costs depend on."""
        return Site(self.run, self.machine, self.chip, self.backend, self.precision)


class Site(NamedTuple):
    """Where unit costs hold. run: one submission on one machine, "" for any."""

    run: str
    machine: str
    chip: str
    backend: str
    precision: str

    @property
    def keys(self) -> tuple[str, ...]:
        """Names that unit costs are kept by, from this run to any board and runtime."""
        tail = f"{self.backend} {self.precision}"
        return (
            f"{self.run} {self.precision}",
            f"{self.machine} {tail}",
            f"{self.chip} {tail}",
            f"any {tail}",
            f"any any {self.precision}",
        )

    @property
    def levels(self) -> tuple[str, ...]:
        """What a run shares with others, as `effects` wants it."""
        run, on_machine, *_ = self.keys
        return (f"chip {self.chip}", f"machine {self.machine}", f"on {on_machine}", f"run {run}")


def edge(row: Row) -> Edge | None:
    """A row as a classifier on a board; None where it is none. Raises Refused: unknown network."""
    name = row.get("Model", "").strip()
    kernels = boards.backend(row)
    if kernels is None or not _is_classifier(name) or _accelerated(row):
        return None
    classifier(name)
    run = f"{row.get('version', '').strip()} {row.get('Platform', '').strip()}"
    return Edge(name, boards.chip(row), boards.machine(row), kernels, run)


def _is_classifier(name: str) -> bool:
    return bool(re.match(r"mobilenet|efficientnet|resnet", name, re.IGNORECASE))


def _accelerated(row: Row) -> bool:
    """An accelerator of its own runs the network; the GPU of a mobile chip is part of its board."""
    name = row.get("accelerator_model_name", "").strip()
    own = not re.fullmatch(r"(-|n/?a|none|)|.*\b(mali|adreno|xavier)\b.*", name, re.IGNORECASE)
    return own or "cuda" in row.get("framework", "").lower()


@lru_cache(maxsize=4096)
def classifier(name: str) -> tuple[Cnn, str]:
    """The network of a Model cell and its precision. Raises Refused with the nearest names."""
    text = name.strip().lower()
    integer = re.search(r"(?<!non-)quantized|u?int8", text)
    cnn = _network(text)
    if cnn is None:
        raise Refused(f"Model {name[:80]!r} is not known; {nearest(text[:80], _EXAMPLES)}")
    return cnn, "int8" if integer else "fp32"


def _network(text: str) -> Cnn | None:
    numbers = re.sub(r"u?int8|fp32|v[123]\b|lite\d", "", text)
    sides = [int(n) for n in re.findall(r"(?<![\d.])\d{2,3}(?![\d.])", numbers)]
    widths = [float(n) for n in re.findall(r"\d\.\d+", numbers)]
    side, width = (sides or [224])[0], (widths or [1.0])[0]
    if not (32 <= side <= 512 and 0.1 <= width <= 2.0):
        return None
    if found := re.match(r"efficientnet-(?:\w+-)?lite([0-4])", text):
        return efficientnet_lite(int(found[1]))
    if found := re.match(r"mobilenet-v([12])-", text):
        return (mobilenet_v1 if found[1] == "1" else mobilenet_v2)(width, side)
    if found := re.match(r"mobilenet-v3-(?:precision_\w+-)?(large|small)(-minimalistic)?", text):
        return mobilenet_v3(found[1], width, side, minimalistic=bool(found[2]))
    return resnet50() if re.fullmatch(r"resnet-?(50)?", text) else None


def parts(configs: Sequence[Edge]) -> Floats:
    """What each network does, rows × PARTS, in units that cost about the same."""
    return np.array([_parts(c.model) for c in configs]).reshape(-1, len(PARTS))


@lru_cache(maxsize=4096)
def _parts(model: str) -> Floats:
    cnn = classifier(model)[0]

    def total(of: Callable[[Layer], float], *kinds: Kind) -> float:
        return sum(of(layer) for layer in cnn.layers if layer.kind in kinds)

    def macs(layer: Layer) -> float:
        return layer.macs

    def moved(layer: Layer) -> float:
        return layer.elements_in + layer.elements_out

    stem = cnn.layers[0].macs
    convolutions = (Kind.CONV, Kind.POINTWISE, Kind.DEPTHWISE)
    amounts = [
        total(macs, Kind.CONV, Kind.POINTWISE) - stem,
        stem,
        total(macs, Kind.DEPTHWISE),
        total(moved, *convolutions),
        cnn.weights,
        total(lambda _: 1, Kind.DENSE, *convolutions),
        total(moved, Kind.ADD, Kind.POOL),
        total(moved, Kind.SWISH, Kind.SCALE),
        cnn.side**2,
    ]
    return np.asarray(np.array(amounts) / _UNIT, float)
