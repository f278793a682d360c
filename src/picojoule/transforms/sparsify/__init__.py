"""Sparsity: Pattern × Saliency × Realiser × Schedule."""

from picojoule.transforms.sparsify.pattern import (
    Block,
    Head,
    NofM,
    Pattern,
    Slices,
    Unstructured,
    keep_largest,
)
from picojoule.transforms.sparsify.transform import Sparse, Sparsify

__all__ = [
    "Block",
    "Head",
    "NofM",
    "Pattern",
    "Slices",
    "Sparse",
    "Sparsify",
    "Unstructured",
    "keep_largest",
]
