"""From a dtype name, as PyTorch, ONNX or a chip file writes it, to a Format."""

from __future__ import annotations

import re

from picojoule.errors import InputError
from picojoule.formats.base import Format
from picojoule.formats.float import BF16, FP16, FP32, Float
from picojoule.formats.integer import Int

__all__ = ["parse_format"]

_KNOWN: dict[str, Format] = {
    "float": FP32,
    "float32": FP32,
    "fp32": FP32,
    "tf32": Float(8, 10),
    "bfloat16": BF16,
    "bf16": BF16,
    "float16": FP16,
    "half": FP16,
    "fp16": FP16,
    "float64": Float(11, 52),
    "double": Float(11, 52),
    # Stored as two real numbers.
    "complex64": Int(64),
    "bool": Int(8, signed=False),
}


def parse_format(name: str) -> Format:
    """The format called `name`: 'float32', 'bf16', 'int8', 'uint4', 'float8_e4m3fn', ...

    Raises InputError for an unknown name.
    """
    plain = name.removeprefix("torch.").lower()
    if plain in _KNOWN:
        return _KNOWN[plain]
    if match := re.fullmatch(r"(u?)int(\d+)", plain):
        return Int(int(match[2]), signed=not match[1])
    if match := re.fullmatch(r"float\d+_?e(\d+)m(\d+)\w*", plain):
        return Float(int(match[1]), int(match[2]))
    raise InputError("unknown number format", got=repr(name), expected="e.g. bfloat16, int8")
