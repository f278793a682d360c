"""How numbers are stored: bits per element, codes, and what hardware does when two formats meet."""

from picojoule.formats.base import Arithmetic, Codes, FixedGrid, Format, OpClass, operations
from picojoule.formats.codebook import Codebook
from picojoule.formats.fixed_point import FixedPoint
from picojoule.formats.float import BF16, FP16, FP32, Float
from picojoule.formats.integer import INT8, INT32, INT64, Int
from picojoule.formats.lmul import LMul
from picojoule.formats.log import Log
from picojoule.formats.multi_binary import MultiBinary
from picojoule.formats.names import parse_format
from picojoule.formats.powsum import PowSum
from picojoule.formats.shared_exponent import SharedExponent
from picojoule.formats.ternary import Ternary

__all__ = [
    "BF16",
    "FP16",
    "FP32",
    "INT8",
    "INT32",
    "INT64",
    "Arithmetic",
    "Codebook",
    "Codes",
    "FixedGrid",
    "FixedPoint",
    "Float",
    "Format",
    "Int",
    "LMul",
    "Log",
    "MultiBinary",
    "OpClass",
    "PowSum",
    "SharedExponent",
    "Ternary",
    "operations",
    "parse_format",
]
