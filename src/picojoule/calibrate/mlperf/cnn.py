"""Layer tables of the image classifiers that MLPerf edge submissions measure.

Each builder lists every layer with its shape, from the published architecture; the test beside it
holds MACs and parameters to the published tables.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "Cnn",
    "Kind",
    "Layer",
    "efficientnet_lite",
    "mobilenet_v1",
    "mobilenet_v2",
    "mobilenet_v3",
    "resnet50",
]

_CLASSES = 1000


class Kind(StrEnum):
    """What a layer costs by."""

    CONV = "conv"
    POINTWISE = "pointwise"
    DEPTHWISE = "depthwise"
    DENSE = "dense"
    SWISH = "swish"
    SCALE = "scale"
    ADD = "add"
    POOL = "pool"


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer on square maps. side: of the output. channels in and out, square kernel, stride."""

    kind: Kind
    side: int
    inputs: int
    outputs: int
    kernel: int = 1
    stride: int = 1

    @property
    def pixels(self) -> int:
        """Output pixels."""
        return self.side * self.side

    @property
    def weights(self) -> int:
        """Parameters without biases and normalisation, which are folded into them."""
        if self.kind in (Kind.CONV, Kind.POINTWISE, Kind.DENSE):
            return self.kernel**2 * self.inputs * self.outputs
        return self.kernel**2 * self.outputs if self.kind is Kind.DEPTHWISE else 0

    @property
    def macs(self) -> int:
        """Multiply-accumulates; one is two FLOPs."""
        return self.weights * self.pixels

    @property
    def elements_in(self) -> int:
        """Activations read."""
        wide = self.pixels * self.stride**2 * self.inputs
        return 2 * wide if self.kind is Kind.ADD else wide

    @property
    def elements_out(self) -> int:
        """Activations written."""
        return self.pixels * self.outputs


@dataclass(frozen=True, slots=True)
class Cnn:
    """A network: its family, the side of its input image and its layers in order."""

    family: str
    side: int
    layers: tuple[Layer, ...]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one image."""
        return sum(layer.macs for layer in self.layers)

    @property
    def weights(self) -> int:
        """Parameters that are multiplied."""
        return sum(layer.weights for layer in self.layers)


def _divisible(channels: float, by: int = 8) -> int:
    """Channels rounded to a multiple, never below 90% (MobileNetV2, arXiv 1801.04381, code)."""
    rounded = max(by, int(channels + by / 2) // by * by)
    return rounded + by if rounded < 0.9 * channels else rounded


def _half(side: int, stride: int) -> int:
    return math.ceil(side / stride)


def mobilenet_v1(width: float, side: int) -> Cnn:
    """MobileNetV1 (arXiv 1704.04861, table 1). width: multiplier. side: of the input image."""
    here, channels = _half(side, 2), max(8, int(32 * width))
    layers = [Layer(Kind.CONV, here, 3, channels, 3, 2)]
    rows = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)]
    for outputs, stride in [*rows, *[(512, 1)] * 5, (1024, 2), (1024, 1)]:
        here, wide = _half(here, stride), int(outputs * width)
        layers.append(Layer(Kind.DEPTHWISE, here, channels, channels, 3, stride))
        layers.append(Layer(Kind.POINTWISE, here, channels, wide))
        channels = wide
    return Cnn("mobilenet-v1", side, (*layers, *_classifier(here, channels)))


def _classifier(side: int, channels: int) -> Iterator[Layer]:
    yield Layer(Kind.POOL, 1, channels, channels, 1, side)
    yield Layer(Kind.DENSE, 1, channels, _CLASSES)


def _inverted(
    side: int, inputs: int, wide: int, outputs: int, kernel: int, stride: int, extra: str = ""
) -> Iterator[Layer]:
    """Expand, depthwise, project, add. extra: `s` squeezes and excites, `h` uses hard swish."""
    if wide != inputs:
        yield Layer(Kind.POINTWISE, side, inputs, wide)
        yield from _swish(side, wide, extra)
    out = _half(side, stride)
    yield Layer(Kind.DEPTHWISE, out, wide, wide, kernel, stride)
    yield from _swish(out, wide, extra)
    if "s" in extra:
        squeezed = _divisible(wide / 4)
        yield Layer(Kind.POOL, 1, wide, wide, 1, out)
        yield Layer(Kind.DENSE, 1, wide, squeezed)
        yield Layer(Kind.DENSE, 1, squeezed, wide)
        yield Layer(Kind.SCALE, out, wide, wide)
    yield Layer(Kind.POINTWISE, out, wide, outputs)
    if stride == 1 and inputs == outputs:
        yield Layer(Kind.ADD, out, outputs, outputs)


def _swish(side: int, channels: int, extra: str) -> Iterator[Layer]:
    if "h" in extra:
        yield Layer(Kind.SWISH, side, channels, channels)


def mobilenet_v2(width: float, side: int) -> Cnn:
    """MobileNetV2 (arXiv 1801.04381, table 2); the last layer is not narrowed below 1280."""
    here, channels = _half(side, 2), _divisible(32 * width)
    layers = [Layer(Kind.CONV, here, 3, channels, 3, 2)]
    rows = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)]
    for factor, outputs, repeats, first in [*rows, (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]:
        for stride in [first] + [1] * (repeats - 1):
            wide, out = channels * factor, _divisible(outputs * width)
            layers += _inverted(here, channels, wide, out, 3, stride)
            here, channels = _half(here, stride), out
    last = _divisible(1280 * max(1.0, width))
    layers.append(Layer(Kind.POINTWISE, here, channels, last))
    return Cnn("mobilenet-v2", side, (*layers, *_classifier(here, last)))


# MobileNetV3 (arXiv 1905.02244, tables 1 and 2): expanded, out, kernel, stride, squeeze or swish.
_V3 = {
    "large": (
        [(16, 16, 3, 1, ""), (64, 24, 3, 2, ""), (72, 24, 3, 1, ""), (72, 40, 5, 2, "s")]
        + [(120, 40, 5, 1, "s")] * 2
        + [(240, 80, 3, 2, "h"), (200, 80, 3, 1, "h"), (184, 80, 3, 1, "h"), (184, 80, 3, 1, "h")]
        + [(480, 112, 3, 1, "sh"), (672, 112, 3, 1, "sh"), (672, 160, 5, 2, "sh")]
        + [(960, 160, 5, 1, "sh")] * 2,
        (960, 1280),
    ),
    "small": (
        [(16, 16, 3, 2, "s"), (72, 24, 3, 2, ""), (88, 24, 3, 1, ""), (96, 40, 5, 2, "sh")]
        + [(240, 40, 5, 1, "sh")] * 2
        + [(120, 48, 5, 1, "sh"), (144, 48, 5, 1, "sh"), (288, 96, 5, 2, "sh")]
        + [(576, 96, 5, 1, "sh")] * 2,
        (576, 1024),
    ),
}


def mobilenet_v3(size: str, width: float, side: int, *, minimalistic: bool = False) -> Cnn:
    """MobileNetV3. size: large or small. minimalistic: no squeeze, no swish, kernels of 3."""
    rows, (final, hidden) = _V3[size]
    narrow = _narrower(rows, width)
    swish = "" if minimalistic else "h"
    here, channels = _half(side, 2), _divisible(16 * width)
    layers = [Layer(Kind.CONV, here, 3, channels, 3, 2), *_swish(here, channels, swish)]
    for wide, out, kernel, stride, extra in narrow:
        shape = (3, stride, "") if minimalistic else (kernel, stride, extra)
        layers += _inverted(here, channels, wide, out, *shape)
        here, channels = _half(here, stride), out
    final = _divisible(final * width)
    layers += [Layer(Kind.POINTWISE, here, channels, final), *_swish(here, final, swish)]
    layers += [Layer(Kind.POOL, 1, final, final, 1, here), Layer(Kind.DENSE, 1, final, hidden)]
    layers += [*_swish(1, hidden, swish), Layer(Kind.DENSE, 1, hidden, _CLASSES)]
    return Cnn(f"mobilenet-v3-{size}" + "-minimalistic" * minimalistic, side, tuple(layers))


_V3Row = tuple[int, int, int, int, str]


def _narrower(rows: Iterable[_V3Row], width: float) -> Iterator[_V3Row]:
    """The rows at a width: expansion factors stay, channels are rounded to multiples of 8."""
    inputs, narrow = 16, _divisible(16 * width)
    for wide, out, kernel, stride, extra in rows:
        expanded = narrow if wide == inputs else _divisible(wide / inputs * narrow)
        inputs, narrow = out, _divisible(out * width)
        yield expanded, narrow, kernel, stride, extra


# EfficientNet-Lite (tensorflow/tpu, efficientnet/lite): width, depth, side of the image.
_LITE = {0: (1.0, 1.0, 224), 1: (1.0, 1.1, 240), 2: (1.1, 1.2, 260), 3: (1.2, 1.4, 280)}
_LITE[4] = (1.4, 1.8, 300)
# EfficientNet-B0 (arXiv 1905.11946, table 1): factor, out, repeats, stride, kernel.
_B0 = [(1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3)]
_B0 += [(6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3)]


def efficientnet_lite(size: int) -> Cnn:
    """EfficientNet-Lite 0 to 4: no squeeze, ReLU6; stem, head and their repeats are not scaled."""
    width, depth, side = _LITE[size]
    here, channels = _half(side, 2), 32
    layers = [Layer(Kind.CONV, here, 3, channels, 3, 2)]
    for row, (factor, outputs, repeats, first, kernel) in enumerate(_B0):
        fixed = row in (0, len(_B0) - 1)
        times = repeats if fixed else math.ceil(repeats * depth)
        for stride in [first] + [1] * (times - 1):
            out = _divisible(outputs * width)
            layers += _inverted(here, channels, channels * factor, out, kernel, stride)
            here, channels = _half(here, stride), out
    layers.append(Layer(Kind.POINTWISE, here, channels, 1280))
    return Cnn("efficientnet-lite", side, (*layers, *_classifier(here, 1280)))


def resnet50(side: int = 224) -> Cnn:
    """ResNet-50 v1.5, with the stride in the 3x3 layer (arXiv 1512.03385, table 1; MLPerf)."""
    here, channels = side // 4, 64
    layers = [Layer(Kind.CONV, side // 2, 3, 64, 7, 2), Layer(Kind.POOL, here, 64, 64, 1, 2)]
    for wide, repeats, first in [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)]:
        for stride in [first] + [1] * (repeats - 1):
            out = here // stride
            layers.append(Layer(Kind.POINTWISE, here, channels, wide))
            layers.append(Layer(Kind.CONV, out, wide, wide, 3, stride))
            layers.append(Layer(Kind.POINTWISE, out, wide, 4 * wide))
            if channels != 4 * wide:
                layers.append(Layer(Kind.POINTWISE, out, channels, 4 * wide, 1, stride))
            layers.append(Layer(Kind.ADD, out, 4 * wide, 4 * wide))
            here, channels = out, 4 * wide
    return Cnn("resnet50", side, (*layers, *_classifier(here, channels)))
