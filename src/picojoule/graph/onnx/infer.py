"""Types and small contents of a node's outputs, one node at a time.

Node by node, and not on the whole model, because sizes computed from other sizes (Shape, Slice,
Concat, Reshape) then fold to numbers on the way, and because fused ops of other domains, which
stop onnx's own inference, can have a rule here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from picojoule.errors import TraceError
from picojoule.extras import require
from picojoule.graph.onnx.fused_shapes import fused_shape
from picojoule.graph.onnx.load import SMALL
from picojoule.graph.onnx.values import Node, shape_of

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
}
# The input whose element type the output has, where it is not the first.
_TYPED_BY = {"QAttention": 2, "QGemm": 8, "EmbedLayerNormalization": 2}
_FLOATING = frozenset({"MatMulIntegerToFloat", "DynamicQuantizeMatMul"})


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
        if not proto.output:
            return {}
        op, inputs = _LIKE.get(node.op, ("", ()))
        shape = self._standard_shape(op, node, inputs) if op else fused_shape(node)
        if shape is None:
            return {}
        typed = node.arg(_TYPED_BY.get(node.op, 0))
        floating = node.op in _FLOATING or typed is None or typed.type is None
        elem = self.onnx.TensorProto.FLOAT
        if typed is not None and not floating:
            elem = typed.type.tensor_type.elem_type
        return {proto.output[0]: self.onnx.helper.make_tensor_type_proto(elem, shape)}

    def _standard_shape(
        self, op: str, node: Node, inputs: tuple[int, ...]
    ) -> tuple[int, ...] | None:
        """The output shape of the standard op on those inputs. Their types don't matter, and the
        standard op may not have the quantised ones: all are taken as float."""
        schema = self._schema(op, "")
        ins = {f"x{i}": v for i in inputs if (v := node.arg(i)) is not None}
        if schema is None or not all(v.known for v in ins.values()):
            return None
        attrs = {k: v for k, v in node.attrs.items() if k in schema.attributes}
        stand_in = self.onnx.helper.make_node(op, list(ins), ["y"], name=node.name, **attrs)
        make = self.onnx.helper.make_tensor_type_proto
        types = {k: make(self.onnx.TensorProto.FLOAT, v.shape) for k, v in ins.items()}
        found = self._infer(schema, stand_in, types, {}, strict=True)
        return shape_of(found["y"], {}) if "y" in found else None

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
        value = node.arg(0)
        if value is None or value.shape is None:
            return None
        if node.op == "Size":
            return [np.array(math.prod(value.shape), dtype=np.int64)]
        part = value.shape[slice(node.attrs.get("start", 0), node.attrs.get("end"))]
        return [np.array(part, dtype=np.int64)]

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
