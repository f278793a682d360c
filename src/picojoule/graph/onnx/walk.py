"""The walk over an ONNX graph: nodes in order, values by name, ops and edges as they come."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

from picojoule.errors import TraceError
from picojoule.extras import require
from picojoule.graph.ir import Edge, Op, Role
from picojoule.graph.onnx import control
from picojoule.graph.onnx.infer import Inference
from picojoule.graph.onnx.load import small_array
from picojoule.graph.onnx.ops import DOMAINS, FREE, MOVES, RANDOM, custom, parts_of
from picojoule.graph.onnx.scope import Names, Scope
from picojoule.graph.onnx.values import Node, Part, Value, format_of, shape_of

__all__ = ["Walk"]

_CUT = "the file may be cut short; export it again"
_QDQ = (
    "quantised model: DequantizeLinear is counted as part of the op that reads it, "
    "which reads the stored integers"
)


class Walk:
    """Collects ops, edges and notes of one model.

    dims: sizes of dynamic axes. folder: where small external constants may be read.
    Raises TraceError where the graph is broken or its sizes don't fit together.
    """

    def __init__(self, model: Any, dims: Mapping[str, int], folder: Path | None) -> None:
        self.onnx = require("onnx", "deploy")
        self.dims, self.folder = dims, folder
        self.inference, self.names = Inference(model), Names()
        self.ops: list[Op] = []
        self.edges: list[Edge] = []
        self.notes: dict[str, None] = {}

    def run(self, graph: Any, inputs: Mapping[str, Any]) -> None:
        """Walk the main graph; `inputs` are the types of its inputs, without open axes."""
        outputs = self.body(graph, {n: self.value(t) for n, t in inputs.items()}, Scope())
        if None in outputs:
            missing = graph.output[outputs.index(None)].name
            raise TraceError(f"no node makes the output {missing!r}", fix=_CUT)

    def body(self, graph: Any, env: MutableMapping[str, Value], scope: Scope) -> list[Value | None]:
        """Walk one graph, whose inputs are in `env`. Returns its outputs."""
        for tensor in graph.initializer:
            env[tensor.name] = self.constant(tensor)
        for sparse in graph.sparse_initializer:
            env[sparse.values.name] = self.tensor(sparse.values.data_type, sparse.dims, Role.WEIGHT)
        declared = {v.name: v.type for v in (*graph.value_info, *graph.output)}
        for proto in graph.node:
            made = self._checked(proto, env, scope, declared)
            env.update({n: v for n, v in zip(proto.output, made, strict=False) if n})
        return [env.get(o.name) for o in graph.output]

    def _checked(self, proto: Any, *where: Any) -> list[Value]:
        """`node`, whose surprises are the file's: names that are no text, attributes that are no
        numbers, values of the wrong kind."""
        try:
            return self.node(proto, *where)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            place = f"{proto.op_type!s} {proto.name!s}".strip()
            raise TraceError(f"malformed node: {error}", where=place, fix=_CUT) from error

    def value(self, type_proto: Any, role: Role = Role.INPUT) -> Value:
        """A value of a type; nothing is known of it without one."""
        if type_proto is None:
            return Value(role=role)
        fmt = format_of(type_proto.tensor_type.elem_type)
        return Value(type_proto, shape_of(type_proto, self.dims), fmt, role)

    def tensor(self, elem: int, sizes: Any, role: Role = Role.INPUT) -> Value:
        """A value of an ONNX element type number and a shape."""
        return self.value(self.onnx.helper.make_tensor_type_proto(elem, list(sizes)), role)

    def constant(self, tensor: Any) -> Value:
        """A value that the file fixes; its content only when it is small."""
        array = small_array(tensor, self.folder)
        value = self.tensor(tensor.data_type, tensor.dims, Role.WEIGHT)
        value.array = array
        return value

    def node(
        self, proto: Any, env: MutableMapping[str, Value], scope: Scope, declared: Mapping[str, Any]
    ) -> list[Value]:
        """The node's outputs. Its ops, when it has any, are appended."""
        node = self._reading(proto, env)
        standard = node.domain in DOMAINS
        if standard and node.op in control.OPS:
            return control.run(self, proto, node, env, scope)
        if standard and node.op == "Constant":
            return [self._literal(proto)]
        node = self._writing(proto, node, declared)
        arrays = self.inference.fold(proto, node)
        if arrays is not None:
            for value, array in zip(node.made, arrays, strict=True):
                value.array, value.role = array, Role.WEIGHT
        elif not (standard and self._free(node)) and not _fixed(node):
            self._emit(node, proto, scope)
        return [v or Value() for v in node.outs]

    def _reading(self, proto: Any, env: Mapping[str, Value]) -> Node:
        for name in proto.input:
            if name and name not in env:
                raise TraceError(
                    f"reads {name!r}, which nothing makes before it",
                    where=f"{proto.op_type} {proto.name}".strip(), fix=_CUT,
                )  # fmt: skip
        domain = "" if proto.domain == "ai.onnx" else proto.domain
        ins = tuple(env[name] if name else None for name in proto.input)
        return Node(proto.op_type, domain, proto.name, self._attributes(proto), ins)

    def _attributes(self, proto: Any) -> dict[str, Any]:
        """Numbers, texts and lists; tensors and graphs stay where they are."""
        t = self.onnx.AttributeProto
        found = {
            a.name: self.onnx.helper.get_attribute_value(a)
            for a in proto.attribute
            if a.type in (t.FLOAT, t.INT, t.STRING, t.FLOATS, t.INTS)
        }
        return {
            k: v.decode(errors="replace") if isinstance(v, bytes) else v for k, v in found.items()
        }

    def _literal(self, proto: Any) -> Value:
        for a in proto.attribute:
            data = self.onnx.helper.get_attribute_value(a)
            if a.name == "value":
                return self.constant(data)
            if a.name in ("value_int", "value_ints", "value_float", "value_floats"):
                types = self.onnx.TensorProto
                elem = types.INT64 if "int" in a.name else types.FLOAT
                items = list(data) if a.name.endswith("s") else [data]
                sizes = [len(items)] if a.name.endswith("s") else []
                name = proto.output[0] if proto.output else ""
                return self.constant(self.onnx.helper.make_tensor(name, elem, sizes, items))
        return Value(role=Role.WEIGHT)

    def _writing(self, proto: Any, node: Node, declared: Mapping[str, Any]) -> Node:
        """The node with its outputs: as inferred, or else as the file declares them."""
        types = self.inference.types(proto, node)
        outs: list[Value | None] = []
        for name in proto.output:
            value = self.value(types.get(name))
            if not value.known and name in declared:
                value = self.value(declared[name])
            outs.append(value if name else None)
        return node.writing(tuple(outs))

    def _free(self, node: Node) -> bool:
        """Pass on what a view views, in the format in which it is stored."""
        source, out = node.arg(0), node.outs[0] if node.outs else None
        if source is None or out is None:
            return node.op in FREE
        if node.op not in FREE and not (node.op == "Cast" and source.same_type(out)):
            return False
        out.source, out.role, out.format = source.source, source.role, source.format
        if node.op == "DequantizeLinear":
            self.notes[_QDQ] = None
        return True

    def _emit(self, node: Node, proto: Any, scope: Scope) -> None:
        name, module = self.names.place(proto, scope)
        parts = parts_of(node)
        if parts is None:
            parts = [custom(node)]
            sizes = all(v is None or v.known for v in (*node.ins, *node.outs))
            why = "its work can't be counted" if sizes else "a shape depends on data"
            self.notes[f"{node.target} is priced by the bytes whose size is known: {why}"] = None
        for part in parts:
            self._append(part, name, module, node.target, scope)
        for out in node.made:
            if out.source is None:
                out.source = len(self.ops) - 1

    def _append(self, part: Part, name: str, module: str, target: str, scope: Scope) -> None:
        index = len(self.ops)
        for i, (value, operand) in enumerate(part.operands):
            if value is not None and operand.role is Role.OUTPUT:
                value.source = index
            elif value is not None and value.source is not None:
                self.edges.append(Edge(value.source, index, i))
        full = self.names.unique(f"{name}.{part.label}" if part.label else name)
        operands = tuple(operand for _, operand in part.operands)
        repeat = part.repeat * scope.repeat
        self.ops.append(
            Op(full, part.kind, part.dims, operands, module=module, target=target, repeat=repeat)
        )


def _fixed(node: Node) -> bool:
    """Work on constants only is done once, at load: its result is a constant."""
    given = [v for v in node.ins if v is not None]
    if not given or node.op in RANDOM or any(v.role is not Role.WEIGHT for v in given):
        return False
    for out in node.made:
        out.role = Role.WEIGHT
        if node.op in MOVES and given[0].same_type(out):
            out.format = given[0].format
    return True
