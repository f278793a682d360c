"""Processing elements that multiply otherwise: by tables, after the group, by nonzero digits."""

from picojoule.cost.elements.bit_weight import (
    booth_digits,
    mean_partial_products,
    partial_products,
    signed_digits,
)
from picojoule.cost.elements.grouped import (
    dequantised_gemm,
    grouped_gemm,
    scale_multiplications,
    shift_adds,
)
from picojoule.cost.elements.lut import LutWork, lut_gemm, lut_work, tables

__all__ = [
    "LutWork", "booth_digits", "dequantised_gemm", "grouped_gemm", "lut_gemm", "lut_work",
    "mean_partial_products", "partial_products", "scale_multiplications", "shift_adds",
    "signed_digits", "tables",
]  # fmt: skip
