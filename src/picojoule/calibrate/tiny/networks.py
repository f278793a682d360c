"""The four networks of MLPerf Tiny, counted layer by layer (Banbury et al., arXiv 2106.07597).

ic: ResNet-8 on 32x32x3; kws: DS-CNN on 49x10; vww: MobileNetV1-0.25 on 96x96x3; ad: the dense
autoencoder 640-128x4-8-128x4-640. One inference of `ad` here is one 640-wide window.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import ceil
from types import MappingProxyType

__all__ = ["KINDS", "NETWORKS", "Layer", "work"]

KINDS = ("dense", "conv", "pointwise", "depthwise", "layer")


@dataclass(frozen=True, slots=True)
class Layer:
    """kind: one of KINDS but "layer". positions: outputs of a channel. taps: inputs of a channel
    and position that one output channel reads. ins, outs: channels.
    """

    kind: str
    positions: int
    taps: int
    ins: int
    outs: int

    @property
    def weights(self) -> int:
        """Without biases; a depthwise filter has one input channel."""
        return self.taps * self.outs * (1 if self.kind == "depthwise" else self.ins)

    @property
    def macs(self) -> int:
        """Every weight once for each position."""
        return self.positions * self.weights


def _separable(side: int, ins: int, outs: int, stride: int = 1) -> tuple[Layer, Layer]:
    positions = ceil(side / stride) ** 2
    return (
        Layer("depthwise", positions, 9, ins, ins),
        Layer("pointwise", positions, 1, ins, outs),
    )


def _resnet8() -> tuple[Layer, ...]:
    layers = [Layer("conv", 1024, 9, 3, 16)]
    for positions, ins, outs in ((1024, 16, 16), (256, 16, 32), (64, 32, 64)):
        layers += [Layer("conv", positions, 9, ins, outs), Layer("conv", positions, 9, outs, outs)]
        if ins != outs:
            layers.append(Layer("pointwise", positions, 1, ins, outs))
    return (*layers, Layer("dense", 1, 1, 64, 10))


def _ds_cnn() -> tuple[Layer, ...]:
    pairs = [
        layer
        for _ in range(4)
        for layer in (Layer("depthwise", 125, 9, 64, 64), Layer("pointwise", 125, 1, 64, 64))
    ]
    return (Layer("conv", 125, 40, 1, 64), *pairs, Layer("dense", 1, 1, 64, 12))


def _mobilenet() -> tuple[Layer, ...]:
    layers, side, ins = [Layer("conv", 48 * 48, 9, 3, 8)], 48, 8
    outs_strides = ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *[(128, 1)] * 5)
    for outs, stride in (*outs_strides, (256, 2), (256, 1)):
        layers += _separable(side, ins, outs, stride)
        side, ins = ceil(side / stride), outs
    return (*layers, Layer("dense", 1, 1, 256, 2))


def _autoencoder() -> tuple[Layer, ...]:
    widths = (640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640)
    return tuple(Layer("dense", 1, 1, ins, outs) for ins, outs in pairwise(widths))


NETWORKS: Mapping[str, tuple[Layer, ...]] = MappingProxyType(
    {"ad": _autoencoder(), "ic": _resnet8(), "kws": _ds_cnn(), "vww": _mobilenet()}
)


@lru_cache
def work(network: str) -> tuple[float, ...]:
    """MACs of each kind, and the number of layers, in the order of KINDS."""
    layers = NETWORKS[network]
    macs = (sum(x.macs for x in layers if x.kind == kind) for kind in KINDS[:-1])
    return (*map(float, macs), float(len(layers)))
