"""Boards and runtimes that MLPerf's edge classifiers were measured on, and their names in rows."""

from __future__ import annotations

import re
from dataclasses import dataclass

from picojoule.calibrate.table import Row

__all__ = ["CHIPS", "Chip", "backend", "chip", "machine"]


@dataclass(frozen=True, slots=True)
class Chip:
    """A chip by its CPU cores at full clock, for the plain roofline. pattern: of its names."""

    name: str
    pattern: str
    gflop_s: float
    power_w: float
    source: str


# gflop_s: big cores × GHz × fp32 FLOPs a cycle (16: two 128-bit FMA pipes, 8: one).
CHIPS = (
    Chip("RK3588", r"firefly|rk3588", 145, 10, "RK3588 datasheet: 4 Cortex-A76 at 2.26 GHz"),
    Chip("A311D2", r"vim4|a311d2", 70, 10, "Khadas VIM4: 4 Cortex-A73 at 2.2 GHz"),
    # Model not named: the submitter's notes say 2.2 GHz and Mali-G52, which fits an ODROID-N2+.
    Chip("ODROID", r"odroid", 70, 5.5, "4 Cortex-A73 at 2.2 GHz, assumed"),
    Chip("BCM2711", r"rpi4|raspberry\W?pi\W?4|bcm2711", 48, 6.4, "4 Cortex-A72 at 1.5 GHz"),
    Chip("Xavier", r"xavier|carmel", 290, 30, "Jetson AGX Xavier: 8 Carmel at 2.26 GHz"),
    Chip("Orin", r"orin|a78ae", 422, 60, "Jetson AGX Orin: 12 Cortex-A78AE at 2.2 GHz"),
)

_BACKENDS = (
    ("opencl", r"opencl"),
    ("neon", r"armnn"),
    ("ruy", r"ruy"),
    ("xnnpack", r"xnnpack|tflite"),
    ("onnxruntime", r"onnx ?runtime"),
)


def machine(row: Row) -> str:
    """The measured machine: the first word of Platform, as SystemName can name another one.

    (73 × 3 rows of v2.0 say Jetson AGX Xavier, ran on an ODROID and draw 4 W.)
    """
    platform = row.get("Platform", "").strip().lower()
    word = re.split(r"-(?=[a-z])", platform, maxsplit=1)[0]
    return word or re.sub(r"\W+", "_", row.get("SystemName", "").strip().lower())[:60]


def chip(row: Row) -> str:
    """The chip's name, or that of the machine where the chip is not known."""
    for text in (machine(row), row.get("SystemName", ""), row.get("host_processor_model_name", "")):
        for known in CHIPS:
            if re.search(known.pattern, text, re.IGNORECASE):
                return known.name
    return machine(row)


def backend(row: Row) -> str | None:
    """Which kernels run: of Arm NN, TFLite or ONNX Runtime; None for another runtime."""
    text = f"{row.get('framework', '')} {row.get('Platform', '')}".lower()
    return next((name for name, pattern in _BACKENDS if re.search(pattern, text)), None)
