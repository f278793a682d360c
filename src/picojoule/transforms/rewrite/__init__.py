"""Rewrites of models, with a flag that says whether they keep the function."""

from picojoule.transforms.rewrite.fold import FoldBatchNorm, MergePointwise
from picojoule.transforms.rewrite.rewrite import Rewrite, Rewritten
from picojoule.transforms.rewrite.swap import ConstantGroupSize, ToBitLinear

__all__ = [
    "ConstantGroupSize",
    "FoldBatchNorm",
    "MergePointwise",
    "Rewrite",
    "Rewritten",
    "ToBitLinear",
]
