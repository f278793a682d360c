"""GPUs of the serving model: datasheet rates of one GPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["GPUS", "Gpu"]


@dataclass(frozen=True, slots=True)
class Gpu:
    """One accelerator. flop16_s, flop8_s, flop4_s: dense tensor-core rates by bits of the operands;
    a rate that the chip lacks is that of the format it widens to. link_b_s: NVLink, one direction.
    limit_w: power limit as sold.
    """

    name: str
    flop16_s: float
    flop8_s: float
    flop4_s: float
    memory_b_s: float
    memory_bytes: float
    link_b_s: float
    limit_w: float

    def flop_s(self, bits: float) -> float:
        """The rate for weights of so many bits."""
        return self.flop16_s if bits > 8 else self.flop8_s if bits > 4.5 else self.flop4_s


# NVIDIA datasheets: A100 SXM4 40 and 80 GB, H100 SXM5, H200 SXM, DGX B200 (a system of eight,
# divided; the HGX board has 7.7e12 B/s); dense rates.
_A100_40 = Gpu("A100-40GB", 312e12, 312e12, 312e12, 1.555e12, 40e9, 300e9, 400.0)
_A100_80 = Gpu("A100-80GB", 312e12, 312e12, 312e12, 2.039e12, 80e9, 300e9, 400.0)
_H100 = Gpu("H100", 989.4e12, 1978.9e12, 989.4e12, 3.35e12, 80e9, 450e9, 700.0)
_H200 = Gpu("H200", 989.4e12, 1978.9e12, 989.4e12, 4.8e12, 141e9, 450e9, 700.0)
_B200 = Gpu("B200", 2250e12, 4500e12, 9000e12, 8.0e12, 180e9, 900e9, 1000.0)

GPUS: Mapping[str, Gpu] = MappingProxyType(
    {
        "A100-40GB": _A100_40,
        "A100-SXM4-40GB": _A100_40,
        "NVIDIA A100-SXM4-40GB": _A100_40,
        "A100-80GB": _A100_80,
        "A100-SXM4-80GB": _A100_80,
        "NVIDIA A100-SXM4-80GB": _A100_80,
        "H100": _H100,
        "NVIDIA H100 80GB HBM3": _H100,
        "H200": _H200,
        "NVIDIA H200": _H200,
        "B200": _B200,
        "NVIDIA B200": _B200,
    }
)
