"""From a dtype name, as PyTorch, ONNX or a chip file writes it, to a Format."""

from __future__ import annotations

import re

from picojoule.errors import InputError
from picojoule.formats.base import Format
from picojoule.formats.float import BF16, FP16, FP32, Float, Specials
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
    # A power of two, without a sign: the scale of an OCP microscaling block.
    "float8_e8m0fnu": Int(8, signed=False),
    "float8e8m0": Int(8, signed=False),
}

_FLOAT = re.compile(r"float\d+_?e(\d+)m(\d+)((?:b\d+)?fnuz|fn|_nan|_none|)(?:_bias(\S+))?")


def parse_format(name: str) -> Format:
    """The format called `name`: 'float32', 'bf16', 'int8', 'uint4', 'float8_e4m3fn', ...

    Raises InputError for an unknown name.
    """
    plain = name.removeprefix("torch.").lower()
    if plain in _KNOWN:
        return _KNOWN[plain]
    if match := re.fullmatch(r"(u?)int(\d+)", plain):
        return Int(int(match[2]), signed=not match[1])
    if match := _FLOAT.fullmatch(plain):
        return _float(*match.groups())
    raise InputError("unknown number format", got=repr(name), expected="e.g. bfloat16, int8")


def _float(exponent: str, mantissa: str, tail: str, bias: str | None) -> Float:
    e, m = int(exponent), int(mantissa)
    if tail.endswith("fnuz"):  # -0 is the NaN: no other special, and a bias one higher
        own = float(tail[1:-4]) if tail != "fnuz" else 2.0 ** (e - 1)
        return Float(e, m, own, "none")
    shift = None if bias is None else float(bias)
    usual: Specials = "nan" if 1 + e + m > 6 else "none"
    kinds: dict[str, Specials] = {"": "ieee", "fn": usual, "_nan": "nan", "_none": "none"}
    return Float(e, m, shift, kinds[tail])
