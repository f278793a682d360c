"""Attention and softmax as cascades of einsums: passes, fusion, what fits on chip, joules."""

from picojoule.cost.cascade.attention import (
    ONE_PASS,
    SOFTMAX_THREE_PASS,
    SOFTMAX_TWO_PASS,
    THREE_PASS,
    TWO_PASS,
    Shape,
)
from picojoule.cost.cascade.design import (
    FLAT,
    FUSEMAX,
    FUSEMAX_STALLED,
    UNFUSED,
    Array,
    Design,
    design,
)
from picojoule.cost.cascade.einsum import Cascade, Einsum
from picojoule.cost.cascade.estimate import Cascades
from picojoule.cost.cascade.model import Cost, evaluate
from picojoule.cost.cascade.passes import crossing, pass_of, passes

__all__ = [
    "FLAT", "FUSEMAX", "FUSEMAX_STALLED", "ONE_PASS", "SOFTMAX_THREE_PASS", "SOFTMAX_TWO_PASS",
    "THREE_PASS", "TWO_PASS", "UNFUSED", "Array", "Cascade", "Cascades", "Cost", "Design",
    "Einsum", "Shape", "crossing", "design", "evaluate", "pass_of", "passes",
]  # fmt: skip
