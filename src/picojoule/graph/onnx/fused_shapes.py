"""Output shapes of ONNX Runtime's fused ops, of which onnx has no schema."""

from __future__ import annotations

import math
from collections.abc import Callable

from picojoule.graph.onnx.values import Node

__all__ = ["fused_shape"]

_SAME_AS_FIRST = frozenset(
    """BiasGelu BiasSoftmax FastGelu Gelu QuickGelu QLinearLeakyRelu QLinearSigmoid QLinearSoftmax
    RotaryEmbedding GroupNorm BiasSplitGelu Inverse SkipLayerNormalization
    SkipSimplifiedLayerNormalization SimplifiedLayerNormalization LayerNormalization BiasAdd
    DecoderMaskedMultiHeadAttention GroupQueryAttention MultiHeadAttention QuantizeLinear
    DequantizeLinear BiasDropout""".split()
)


def fused_shape(node: Node) -> tuple[int, ...] | None:
    """Shape of the first output of an op of com.microsoft, None when there is no rule."""
    rule = _SHAPES.get(node.op)
    if node.op in _SAME_AS_FIRST:
        first = node.arg(0)
        packed = first is not None and len(first.sizes) != 3 and "Attention" in node.op
        return None if first is None or packed else first.shape
    try:
        return rule(node) if rule else None
    except (IndexError, KeyError, TypeError):
        return None


def _matmul_shape(node: Node) -> tuple[int, ...]:
    a, b = list(node.need(0).sizes), list(node.need(1).sizes)
    if node.attrs.get("transA"):
        a[-1], a[-2] = a[-2], a[-1]
    if node.attrs.get("transB"):
        b[-1], b[-2] = b[-2], b[-1]
    lead = max(a[:-2], b[:-2], key=lambda s: (len(s), math.prod(s)))
    return (*lead, a[-2], b[-1])


def _attention_shape(node: Node) -> tuple[int, ...]:
    x, w = node.need(0), node.need(1)
    sizes = node.attrs.get("qkv_hidden_sizes")
    return (*x.sizes[:-1], sizes[2] if sizes else w.sizes[1] // 3)


def _concat_shape(node: Node) -> tuple[int, ...]:
    """Y scale, Y zero point, then (X, scale, zero point) for each input."""
    parts = [node.need(i).sizes for i in range(2, len(node.ins), 3)]
    axis = node.attrs["axis"] % len(parts[0])
    total = sum(p[axis] for p in parts)
    return (*parts[0][:axis], total, *parts[0][axis + 1 :])


_SHAPES: dict[str, Callable[[Node], tuple[int, ...]]] = {
    "FusedMatMul": _matmul_shape,
    "TransposeMatMul": _matmul_shape,
    "MatMulNBits": lambda n: (*n.need(0).sizes[:-1], n.attrs["N"]),
    "Attention": _attention_shape,
    "QAttention": _attention_shape,
    "QLinearConcat": _concat_shape,
    "EmbedLayerNormalization": lambda n: (*n.need(0).sizes, n.need(2).sizes[-1]),
}
