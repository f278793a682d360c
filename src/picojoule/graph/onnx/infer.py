"""Types and small contents of a node's outputs, one node at a time.

Node by node, and not on the whole model, because sizes computed from other sizes (Shape, Slice,
Concat, Reshape) then fold to numbers on the way, and because fused ops of other domains, which
stop onnx's own inference, can have a rule here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from picojoule.errors import TraceError
from picojoule.extras import require
from picojoule.graph.onnx.load import SMALL
from picojoule.graph.onnx.values import Node, Value

__all__ = ["MICROSOFT", "Inference"]

MICROSOFT = "com.microsoft"

# Ops on small constants that are computed while counting. None can loop, read files or allocate
# more than its inferred output.
_FOLDABLE = frozenset(
    """Abs Add And Cast Ceil Concat ConstantOfShape CumSum Div Equal Expand Flatten Floor Gather
    GatherElements GatherND Greater GreaterOrEqual Identity Less LessOrEqual Max Min Mod Mul Neg Not
    Or Pow Range Reciprocal ReduceMax ReduceMin ReduceProd ReduceSum Reshape Round ScatterElements
    ScatterND Sign Size Slice Sqrt Squeeze Sub Tile Transpose Trilu Unsqueeze Where Xor""".split()
)
_SAME_AS_FIRST = frozenset(
    """BiasGelu BiasSoftmax FastGelu Gelu QuickGelu QLinearLeakyRelu QLinearSigmoid QLinearSoftmax
    RotaryEmbedding GroupNorm BiasSplitGelu Inverse SkipLayerNormalization
    SkipSimplifiedLayerNormalization SimplifiedLayerNormalization LayerNormalization BiasAdd
    DecoderMaskedMultiHeadAttention GroupQueryAttention MultiHeadAttention QuantizeLinear
    DequantizeLinear BiasDropout""".split()
)
# Fused ops with the inputs, and so the shape, of a standard one: {op: (standard op, inputs)}.
_LIKE: dict[str, tuple[str, tuple[int, ...]]] = {
    "FusedConv": ("Conv", (0, 1, 2)),
    "FusedGemm": ("Gemm", (0, 1, 2)),
    "QGemm": ("Gemm", (0, 3)),
    "QLinearAveragePool": ("AveragePool", (0,)),
    "QLinearGlobalAveragePool": ("GlobalAveragePool", (0,)),
    "QLinearAdd": ("Add", (0, 3)),
    "QLinearMul": ("Mul", (0, 3)),
    "MatMulIntegerToFloat": ("MatMul", (0, 1)),
    "DynamicQuantizeMatMul": ("MatMul", (0, 1)),
    "TransposeMatMul": ("FusedMatMul", (0, 1)),
}


class Inference:
    """Infers the outputs of nodes under one model's opsets."""

    def __init__(self, model: Any) -> None:
        self.onnx = require("onnx", "deploy")
        require("onnx.shape_inference", "deploy")
        require("onnx.checker", "deploy")
        self.opsets = list(model.opset_import)
        self.versions = {o.domain: o.version for o in model.opset_import}

    def types(self, proto: Any, node: Node) -> dict[str, Any]:
        """Output types by name, as far as they can be told.

        Raises TraceError when the node's inputs don't fit together.
        """
        if node.domain == MICROSOFT:
            return self._fused(proto, node)
        schema = self._schema(node.op, node.domain)
        if schema is None or any(v is not None and v.type is None for v in node.ins):
            return {}
        given = {
            name: v for name, v in zip(proto.input, node.ins, strict=True) if name and v is not None
        }
        types = {name: v.type for name, v in given.items()}
        data = {
            name: self.onnx.numpy_helper.from_array(v.array, name)
            for name, v in given.items()
            if v.array is not None
        }
        return self._infer(schema, proto, types, data, all(v.known for v in given.values()))

    def _schema(self, op: str, domain: str) -> Any:
        try:
            version = self.versions.get(domain, 1)
            return self.onnx.defs.get_schema(op, version, domain)
        except self.onnx.defs.SchemaError:
            return None

    def _infer(
        self, schema: Any, proto: Any, types: Any, data: Any, strict: bool
    ) -> dict[str, Any]:
        wrong = self.onnx.shape_inference.InferenceError, self.onnx.checker.ValidationError
        try:
            found: dict[str, Any] = self.onnx.shape_inference.infer_node_outputs(
                schema, proto, types, data, opset_imports=self.opsets
            )
            return found
        except (*wrong, RuntimeError) as error:
            if not strict:
                return {}
            raise TraceError(
                f"shapes don't fit together: {str(error).strip()}",
                where=f"{proto.op_type} {proto.name}",
                fix="check the sizes given for dynamic axes",
            ) from None

    def _fused(self, proto: Any, node: Node) -> dict[str, Any]:
        """Types of a fused op of ONNX Runtime, whose schemas onnx does not have."""
        if like := _LIKE.get(node.op):
            op, inputs = like
            node = Node(op, MICROSOFT if op == "FusedMatMul" else "", node.name, node.attrs,
                        tuple(node.arg(i) for i in inputs))  # fmt: skip
            if not node.domain:
                return self._standard(proto, node)
        shape = _fused_shape(node)
        first = node.arg(0)
        if shape is None or first is None or first.type is None:
            return {}
        elem = self._fused_elem(node, first)
        return {proto.output[0]: self.onnx.helper.make_tensor_type_proto(elem, shape)}

    def _standard(self, proto: Any, node: Node) -> dict[str, Any]:
        """The standard op of the same shape rule, on the inputs that matter."""
        schema = self._schema(node.op, "")
        ins = {f"x{i}": v for i, v in enumerate(node.ins) if v is not None}
        if schema is None or not all(v.known for v in ins.values()):
            return {}
        known = {k: v for k, v in node.attrs.items() if k in schema.attributes and v is not None}
        stand_in = self.onnx.helper.make_node(node.op, list(ins), [proto.output[0]], **known)
        one = self.onnx.TensorProto.FLOAT  # quantised inputs are of no type that the op has
        types = {k: self.onnx.helper.make_tensor_type_proto(one, v.shape) for k, v in ins.items()}
        found = self._infer(schema, stand_in, types, {}, strict=True)
        out = found.get(proto.output[0])
        if out is not None and node.ins[0] is not None and proto.op_type in _KEEPS_TYPE:
            out.tensor_type.elem_type = node.ins[0].type.tensor_type.elem_type
        return found

    def _fused_elem(self, node: Node, first: Value) -> int:
        types = {"EmbedLayerNormalization": self.onnx.TensorProto.FLOAT}
        return int(types.get(node.op, first.type.tensor_type.elem_type))

    def fold(self, proto: Any, node: Node) -> list[Any] | None:
        """The outputs' content when the inputs' is known and all of it is small, else None."""
        small = all(v.known and v.elements <= SMALL for v in node.made)
        if not small or None in node.outs or not node.outs or node.domain:
            return None
        if node.op in ("Shape", "Size"):
            return self._measure(node)
        if node.op not in _FOLDABLE or any(v is not None and v.array is None for v in node.ins):
            return None
        named = zip(proto.input, node.ins, strict=True)
        feeds = {name: v.array for name, v in named if v is not None}
        return self._run(proto, feeds)

    def _measure(self, node: Node) -> list[Any] | None:
        numpy = require("numpy", "deploy")
        value = node.arg(0)
        if value is None or value.shape is None:
            return None
        if node.op == "Size":
            return [numpy.array(math.prod(value.shape), dtype=numpy.int64)]
        part = value.shape[slice(node.attrs.get("start", 0), node.attrs.get("end"))]
        return [numpy.array(part, dtype=numpy.int64)]

    def _run(self, proto: Any, feeds: Mapping[str, Any]) -> list[Any] | None:
        helper = self.onnx.helper
        untyped = self.onnx.TypeProto()
        graph = helper.make_graph(
            [proto], "constant",
            [helper.make_value_info(n, untyped) for n in feeds],
            [helper.make_value_info(n, untyped) for n in proto.output],
        )  # fmt: skip
        reference = require("onnx.reference", "deploy")
        try:
            model = helper.make_model(graph, opset_imports=self.opsets)
            found: list[Any] = reference.ReferenceEvaluator(model).run(None, dict(feeds))
        except Exception:
            return None  # the reference has no such op or type; the value is just not known
        return found


_KEEPS_TYPE = frozenset(
    "FusedConv FusedGemm QLinearAveragePool QLinearGlobalAveragePool QLinearAdd QLinearMul".split()
)


def _fused_shape(node: Node) -> tuple[int, ...] | None:
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
    "MatMulNBits": lambda n: (*n.need(0).sizes[:-1], n.attrs["N"]),
    "Attention": _attention_shape,
    "QAttention": _attention_shape,
    "QLinearConcat": _concat_shape,
    "EmbedLayerNormalization": lambda n: (*n.need(0).sizes, n.need(2).sizes[-1]),
}
