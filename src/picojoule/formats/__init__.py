"""How numbers are stored: bits per element, and what hardware does when two formats meet."""

from picojoule.formats.base import Format, OpClass
from picojoule.formats.float import BF16, FP16, FP32, Float
from picojoule.formats.integer import INT8, INT32, INT64, Int
from picojoule.formats.names import parse_format

__all__ = [
    "BF16",
    "FP16",
    "FP32",
    "INT8",
    "INT32",
    "INT64",
    "Float",
    "Format",
    "Int",
    "OpClass",
    "parse_format",
]
