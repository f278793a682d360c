"""The values and nodes of an ONNX graph, as the rules of `ops` see them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from picojoule.errors import InputError
from picojoule.extras import require
from picojoule.formats import FP32, INT64, Float, Format, parse_format
from picojoule.graph.ir import Kind, Operand, Role, Window

__all__ = ["Node", "Part", "Value", "format_of", "shape_of"]

# Names that Format has none for: binary128 has the bits of two doubles; a string is a reference.
_STORED_AS: dict[str, Format] = {"complex128": Float(15, 112), "string": INT64}


def format_of(elem_type: int) -> Format:
    """The Format of an ONNX element type number; float32 when it is not told."""
    onnx = require("onnx", "deploy")
    if elem_type not in onnx.TensorProto.DataType.values() or elem_type == 0:
        return FP32
    name = onnx.TensorProto.DataType.Name(elem_type).lower()
    try:
        return _STORED_AS.get(name) or parse_format(name)
    except InputError:
        return FP32


def shape_of(type_proto: Any, dims: Mapping[str, int]) -> tuple[int, ...] | None:
    """The shape of a tensor type, its symbols taken from `dims`; None when a part is not known."""
    if not type_proto.HasField("tensor_type") or not type_proto.tensor_type.HasField("shape"):
        return None
    sizes = [
        d.dim_value if d.HasField("dim_value") else dims.get(d.dim_param, -1)
        for d in type_proto.tensor_type.shape.dim
    ]
    return None if any(s < 0 for s in sizes) else tuple(sizes)


@dataclass(slots=True, eq=False)
class Value:
    """A tensor of the graph.

    type: its TypeProto, for inference. shape: None when it depends on data. format: as stored;
    after DequantizeLinear that of the integers. role: WEIGHT for what is fixed before the run.
    array: its content, when it is small and fixed. source: index of the op that makes it.
    """

    type: Any = None
    shape: tuple[int, ...] | None = None
    format: Format = FP32
    role: Role = Role.INPUT
    array: Any = None
    source: int | None = None

    @property
    def known(self) -> bool:
        """Whether its size is known."""
        return self.shape is not None

    @property
    def sizes(self) -> tuple[int, ...]:
        """The shape, () when it is not known."""
        return self.shape or ()

    @property
    def elements(self) -> int:
        """Number of elements, 0 when it is not known."""
        return math.prod(self.shape) if self.shape is not None else 0

    def same_type(self, other: Value) -> bool:
        """Whether both have the same ONNX element type, and it is known."""
        if self.type is None or other.type is None:
            return False
        return bool(self.type.tensor_type.elem_type == other.type.tensor_type.elem_type)

    def at(
        self, dims: tuple[str, ...], *, role: Role | None = None, windows: tuple[Window, ...] = (),
        stored: int | None = None,
    ) -> tuple[Value, Operand]:  # fmt: skip
        """This value as an operand over `dims`. stored: its own elements unless told."""
        size = self.elements if stored is None else stored
        return self, Operand(dims, self.format, role or self.role, windows=windows, stored=size)

    def out(
        self, dims: tuple[str, ...], *, windows: tuple[Window, ...] = (), stored: int | None = None
    ) -> tuple[Value, Operand]:
        """This value as what an op writes."""
        return self.at(dims, role=Role.OUTPUT, windows=windows, stored=stored)


@dataclass(frozen=True, slots=True)
class Part:
    """One op to be. operands: each with its value, None when the graph has none for it."""

    kind: Kind
    dims: dict[str, int]
    operands: tuple[tuple[Value | None, Operand], ...]
    label: str = ""
    repeat: int = 1


@dataclass(frozen=True, slots=True)
class Node:
    """One node with its values; an optional input or output that is absent is None."""

    op: str
    domain: str
    name: str
    attrs: Mapping[str, Any] = field(default_factory=dict)
    ins: tuple[Value | None, ...] = ()
    outs: tuple[Value | None, ...] = ()

    @property
    def target(self) -> str:
        """'onnx.Gemm', or 'com.microsoft.FusedMatMul'."""
        return f"{self.domain or 'onnx'}.{self.op}"

    def arg(self, i: int) -> Value | None:
        """Input i, None when absent."""
        return self.ins[i] if i < len(self.ins) else None

    def need(self, i: int) -> Value:
        """Input i. Raises IndexError when it is absent or its size is not known."""
        value = self.arg(i)
        if value is None or not value.known:
            raise IndexError(f"input {i} is absent or its shape is not known")
        return value

    def result(self, i: int = 0) -> Value:
        """Output i. Raises IndexError when it is absent or its size is not known."""
        value = self.outs[i] if i < len(self.outs) else None
        if value is None or not value.known:
            raise IndexError(f"output {i} is absent or its shape is not known")
        return value

    @property
    def made(self) -> tuple[Value, ...]:
        """The outputs that are there."""
        return tuple(v for v in self.outs if v is not None)

    def writing(self, outs: tuple[Value | None, ...]) -> Node:
        """The same node with its outputs."""
        return replace(self, outs=outs)
