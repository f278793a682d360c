"""Seconds of one GPU kernel from its shape: tiles in waves, memory, launch.

A matrix product runs as tiles, as many at once as the chip has processors; the last wave may be
nearly empty, and small tiles reach less of the peak. Kernels that only move data take their bytes
at a bandwidth that depends mildly on the size, and re-read rows that are too wide to keep. A
kernel ends when the slower of the GPU and the launching host is done. Shapes may be arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from picojoule.calibrate.measured_set import Floats

__all__ = ["DEVICES", "AllReduce", "Device", "Matmul", "Vector"]

_TILES = ((256, 128), (128, 256), (128, 128), (128, 64), (64, 128), (64, 64), (32, 128), (32, 64))
_LARGE = 2.0 / (1 / 256 + 1 / 128)  # harmonic mean side of the largest tile
_FP16 = 2


@dataclass(frozen=True, slots=True)
class Device:
    """Datasheet: dense fp16 FLOP/s, memory bytes/s, processors, bytes/s of links one way."""

    flop_s: float
    bytes_s: float
    processors: int
    link_s: float


# NVIDIA A100 80GB, H100 SXM5 and A40 datasheets; AMD Instinct MI210 datasheet.
DEVICES: Mapping[str, Device] = MappingProxyType(
    {
        "A100": Device(312e12, 2.039e12, 108, 300e9),
        "H100": Device(989.4e12, 3.35e12, 132, 450e9),
        "A40": Device(149.7e12, 0.696e12, 84, 56e9),
        "MI210": Device(181e12, 1.638e12, 104, 150e9),
    }
)


def _slower(host_s: float, gpu_s: Floats) -> Floats:
    return np.asarray((host_s**8 + gpu_s**8) ** 0.125, float)


class Matmul(msgspec.Struct, frozen=True):
    """host_s: the host's time a call. launch_s: before the first tile ends. compute, memory:
    shares of peak and bandwidth reached with the largest tile. tile: side at which a tile reaches
    half of what an endless one would.
    """

    host_s: float
    launch_s: float
    compute: float
    memory: float
    tile: float

    def time_s(self, on: Device, m: ArrayLike, n: ArrayLike, k: ArrayLike) -> Floats:
        """Seconds of an fp16 product (m, k) @ (k, n)."""
        m, n, k = (np.asarray(x, float) for x in (m, n, k))
        bytes_moved = _FP16 * (m * k + k * n + m * n)
        memory_s = bytes_moved / (on.bytes_s * self.memory)
        core_s = (self._compute_s(on, m, n, k) ** 4 + memory_s**4) ** 0.25
        return _slower(self.host_s, self.launch_s + core_s)

    def efficiency(self, on: Device, m: ArrayLike, n: ArrayLike, k: ArrayLike) -> Floats:
        """Share of the peak that the whole call reaches."""
        flops = 2.0 * np.asarray(m, float) * np.asarray(n, float) * np.asarray(k, float)
        return np.asarray(flops / on.flop_s / self.time_s(on, m, n, k), float)

    def _compute_s(self, on: Device, m: Floats, n: Floats, k: Floats) -> Floats:
        """The best of the tiles: waves × one tile on one processor."""
        options = []
        for rows, columns in _TILES:
            waves = np.ceil(np.ceil(m / rows) * np.ceil(n / columns) / on.processors)
            flops = waves * on.processors * rows * columns * 2 * k
            side = 2.0 / (1 / rows + 1 / columns)
            loss = (1 + self.tile / side) / (1 + self.tile / _LARGE)
            options.append(flops * loss)
        return np.asarray(np.min(options, axis=0) / (on.flop_s * self.compute), float)


class Vector(msgspec.Struct, frozen=True):
    """host_s, launch_s: as for Matmul. row_s: seconds a row. memory: share of the bandwidth at
    64 MB. reread: more traffic for each doubling of a row beyond `wide` numbers. growth: exponent
    of the bytes with which a byte gets dearer.
    """

    host_s: float
    launch_s: float
    row_s: float
    memory: float
    reread: float
    wide: float
    growth: float

    def time_s(self, on: Device, rows: ArrayLike, width: ArrayLike) -> Floats:
        """Seconds of an fp16 kernel that reads and writes (rows, width), reducing over width."""
        rows, width = np.asarray(rows, float), np.asarray(width, float)
        moved = 2.0 * _FP16 * rows * width
        again = 1.0 + self.reread * np.maximum(0.0, np.log2(width / self.wide))
        byte_s = again * (moved / 64e6) ** self.growth / (on.bytes_s * self.memory)
        return _slower(self.host_s, self.launch_s + rows * self.row_s + moved * byte_s)


class AllReduce(msgspec.Struct, frozen=True):
    """Ring all-reduce within a node (Thakur et al., IJHPCA 2005: 2 (n − 1) / n of the bytes cross
    each link). floor_s: of a small message. rank_s: more for each further rank. launch_s: of a
    large one. link: share of the link reached.
    """

    floor_s: float
    rank_s: float
    launch_s: float
    link: float

    def time_s(self, on: Device, size_b: ArrayLike, ranks: ArrayLike) -> Floats:
        """Seconds for `size_b` bytes on each of `ranks` GPUs."""
        size_b, ranks = np.asarray(size_b, float), np.asarray(ranks, float)
        crossing = 2.0 * (ranks - 1.0) / ranks * size_b / (on.link_s * self.link)
        floor = self.floor_s + (ranks - 2.0) * self.rank_s
        return np.asarray((floor**4 + (self.launch_s + crossing) ** 4) ** 0.25, float)
