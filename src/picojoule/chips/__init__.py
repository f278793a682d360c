"""Where it runs: chips, every constant with its source."""

from picojoule.chips.chip import Chip, Compute, Constant, Efficiency, Memory, Runtime
from picojoule.chips.load import catalogue, chip_schema, load_chip

__all__ = [
    "Chip", "Compute", "Constant", "Efficiency", "Memory", "Runtime", "catalogue", "chip_schema",
    "load_chip",
]  # fmt: skip
