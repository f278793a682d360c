"""The op table of ONNX: what each operator does to data, in the kinds of `ir.Kind`.

Each rule turns one node into ops. A name in no table becomes CUSTOM: priced by the bytes of all
its operands and listed, never dropped. Names of com.microsoft (ONNX Runtime's fused ops) are in
the same tables: none of them means something else in the standard domain.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from picojoule.graph.ir import Kind
from picojoule.graph.onnx.contract import einsum, gemm, matmul, matmul_nbits
from picojoule.graph.onnx.convolution import conv, conv_transpose
from picojoule.graph.onnx.fused import attention, group_query_attention, packed_attention, recurrent
from picojoule.graph.onnx.fused import multi_head_attention as multi_head
from picojoule.graph.onnx.values import Node, Part

__all__ = ["DOMAINS", "FREE", "MOVES", "RANDOM", "custom", "parts_of"]

DOMAINS = frozenset({"", "ai.onnx", "com.microsoft"})

# Nothing moves: the result is the input under another shape or name. DequantizeLinear is here
# because runtimes fuse it into what reads it, which then reads the stored integers.
FREE = frozenset(
    """BitCast DequantizeLinear Dropout Flatten Identity Optional OptionalGetElement
    OptionalHasElement Reshape SequenceLength Shape Size Squeeze Unsqueeze""".split()
)
# Move elements without changing them, so that constants keep the format they are stored in.
MOVES = frozenset("Concat Expand Gather Slice Split Tile Transpose".split())
# Not fixed before the run, although no input changes.
RANDOM = frozenset(
    "Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike".split()
)
_KINDS: dict[Kind, frozenset[str]] = {
    Kind.SOFTMAX: frozenset("BiasSoftmax Hardmax LogSoftmax QLinearSoftmax Softmax".split()),
    Kind.NORM: frozenset(
        """BatchNormalization EmbedLayerNormalization GroupNorm GroupNormalization
        InstanceNormalization LRN LayerNormalization LpNormalization MeanVarianceNormalization
        RMSNormalization SimplifiedLayerNormalization SkipGroupNorm SkipLayerNormalization
        SkipSimplifiedLayerNormalization""".split()
    ),
    Kind.REDUCE: frozenset(
        """ArgMax ArgMin NegativeLogLikelihoodLoss ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp
        ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare
        SoftmaxCrossEntropyLoss""".split()
    ),
    Kind.SCAN: frozenset("CumProd CumSum".split()),
    Kind.SORT: frozenset("TopK Unique".split()),
    Kind.COPY: frozenset(
        """Cast CastLike CenterCropPad Col2Im Concat ConstantOfShape DepthToSpace Expand EyeLike
        OneHot Pad QLinearConcat Range ReverseSequence Slice SpaceToDepth Split Tile Transpose Trilu
        Where""".split()
    ) | RANDOM,
    Kind.ELEMENTWISE: frozenset(
        """Abs Acos Acosh Add AffineGrid And Asin Asinh Atan Atanh BiasAdd BiasDropout BiasGelu
        BiasSplitGelu BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Ceil Celu Clip Cos
        Cosh Div DynamicQuantizeLinear Elu Equal Erf Exp FastGelu Floor Gelu Greater
        GreaterOrEqual GridSample HardSigmoid HardSwish IsInf IsNaN LeakyRelu Less LessOrEqual
        Log Max Mean Min Mish Mod Mul Neg Not Or PRelu Pow QLinearAdd QLinearLeakyRelu
        QLinearMul QLinearSigmoid QuantizeLinear QuickGelu Reciprocal Relu Resize
        RotaryEmbedding Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Sub Sum
        SwiGLU Swish Tan Tanh ThresholdedRelu Upsample Xor""".split()
    ),
}  # fmt: skip
# Ops whose further inputs are sizes, axes or fill values, not data.
_ONE_INPUT = frozenset(
    """CenterCropPad Col2Im CumProd CumSum Expand Pad Resize Slice Split Tile TopK Trilu Upsample"""
    .split()
) | frozenset(n for n in _KINDS[Kind.REDUCE] if n.startswith("Reduce"))  # fmt: skip
_NO_INPUT = frozenset("ConstantOfShape EyeLike OneHot Range".split()) | RANDOM
_POOLS = frozenset(
    """AveragePool GlobalAveragePool GlobalLpPool GlobalMaxPool LpPool MaxPool
    QLinearAveragePool QLinearGlobalAveragePool""".split()
)


def parts_of(node: Node) -> list[Part] | None:
    """The ops that a node stands for; None when it is in no table, or its sizes are not known."""
    rule = _RULES.get(node.op) if node.domain in DOMAINS else None
    if rule is None:
        return None
    try:
        return rule(node)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return None  # an attribute or a size that the rule can't use


def custom(node: Node) -> Part:
    """Any op by its bytes: all operands whose size is known, once."""
    return _streamed(node, Kind.CUSTOM)


def _streamed(node: Node, kind: Kind, used: int | None = None) -> Part:
    """Each input read once and each output written once. used: how many inputs are data."""
    ins = [v for v in node.ins[:used] if v is not None and v.known]
    outs = [v for v in node.outs if v is not None and v.known]
    written = sum(v.elements for v in outs)
    # Slice and Split read what they write, not all of their input.
    most = written if node.op in ("Slice", "Split") else None
    reads = [
        v.at(("e",), stored=v.elements if most is None else min(v.elements, most)) for v in ins
    ]
    sizes = [v.elements for v in outs[:1]]
    if kind in (Kind.REDUCE, Kind.SORT, Kind.CUSTOM) or not sizes:
        sizes = [v.elements for v in (*ins, *outs)]
    extent = max(sizes, default=0)
    return Part(kind, {"e": extent}, (*reads, *(v.out(("e",)) for v in outs)))


def _stream(kind: Kind, used: int | None = None) -> Callable[[Node], list[Part]]:
    def rule(node: Node) -> list[Part]:
        node.result()
        return [_streamed(node, kind, used)]

    return rule


def _gather(node: Node) -> list[Part]:
    """Only the rows that are picked move; indices are read in full."""
    table, picked, y = node.need(0), node.need(1), node.result()
    moved = min(table.elements, y.elements)
    reads = (table.at(("e",), stored=moved), picked.at(("e",)))
    return [Part(Kind.GATHER, {"e": y.elements}, (*reads, y.out(("e",))))]


def _scatter(node: Node) -> list[Part]:
    """Only the updates move: runtimes write into the table in place."""
    first, last = (2, 1) if node.op == "TensorScatter" else (1, 2)
    updates, y = node.need(last), node.result()
    moved = updates.elements
    picked = [v.at(("e",)) for v in (node.arg(first),) if v is not None and v.known]
    reads = (node.need(0).at(("e",), stored=0), *picked, updates.at(("e",)))
    return [Part(Kind.GATHER, {"e": moved}, (*reads, y.out(("e",), stored=moved)))]


def _pool(node: Node) -> list[Part]:
    """`w` inputs are compared or added per output; global pools have the image as window."""
    x, y = node.need(0), node.result()
    kernel = node.attrs.get("kernel_shape") or x.sizes[2:]
    dims = {"e": y.elements, "w": math.prod(kernel)}
    outs = [v.out(("e",)) for v in node.outs if v is not None and v.known]
    return [Part(Kind.POOL, dims, (x.at(("e",)), *outs))]


def _binary_quantised(node: Node) -> list[Part]:
    """QLinearAdd and QLinearMul: A, scale, zero, B, scale, zero, scale, zero."""
    a, b, y = node.need(0), node.need(3), node.result()
    reads = (a.at(("e",)), b.at(("e",)))
    return [Part(Kind.ELEMENTWISE, {"e": y.elements}, (*reads, y.out(("e",))))]


def _embed(node: Node) -> list[Part]:
    """EmbedLayerNormalization reads one row of each table per token."""
    y = node.result()
    ids = [v.at(("e",)) for v in (node.arg(0), node.arg(1)) if v is not None and v.known]
    tables = [v for v in (node.arg(2), node.arg(3), node.arg(4)) if v is not None and v.known]
    rows = [v.at(("e",), stored=min(v.elements, y.elements)) for v in tables]
    affine = [v.at(("e",)) for v in (node.arg(5), node.arg(6)) if v is not None and v.known]
    reads = (*ids, *rows, *affine)
    return [Part(Kind.NORM, {"e": y.elements}, (*reads, y.out(("e",))))]


def _nearest_is_copy(node: Node) -> list[Part]:
    mode = node.attrs.get("mode", "nearest")
    return [_streamed(node, Kind.COPY if mode == "nearest" else Kind.ELEMENTWISE, 1)]


def _rules() -> dict[str, Callable[[Node], list[Part]]]:
    rules: dict[str, Callable[[Node], list[Part]]] = {}
    for kind, names in _KINDS.items():
        for name in names:
            used = 0 if name in _NO_INPUT else 1 if name in _ONE_INPUT else None
            rules[name] = _stream(kind, used)
    for rule, listed in _SPECIAL:
        rules |= dict.fromkeys(listed.split(), rule)
    return rules | dict.fromkeys(_POOLS, _pool)


_SPECIAL: tuple[tuple[Callable[[Node], list[Part]], str], ...] = (
    (conv, "Conv ConvInteger DeformConv FusedConv QLinearConv"),
    (conv_transpose, "ConvTranspose"),
    (gemm, "FusedGemm Gemm QGemm"),
    (matmul, "DynamicQuantizeMatMul FusedMatMul MatMul MatMulInteger MatMulIntegerToFloat"),
    (matmul, "QLinearMatMul TransposeMatMul"),
    (matmul_nbits, "MatMulNBits"),
    (einsum, "Einsum"),
    (recurrent, "GRU LSTM RNN"),
    (multi_head, "MultiHeadAttention"),
    (group_query_attention, "GroupQueryAttention"),
    (_gather, "Gather GatherElements GatherND"),
    (_scatter, "Scatter ScatterElements ScatterND TensorScatter"),
    (_binary_quantised, "QLinearAdd QLinearMul"),
    (_embed, "EmbedLayerNormalization"),
    (_nearest_is_copy, "Resize Upsample"),
    (lambda n: packed_attention(n) if n.domain else attention(n), "Attention"),
    (packed_attention, "QAttention"),
)
_RULES = _rules()
