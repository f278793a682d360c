"""What runs: Operand, Op, Graph.

An op is an extended einsum: named loop extents (`dims`), operands that say which of the dims
index them, a kind, and how often it runs. Nothing here knows a chip or a joule.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from picojoule.formats import Format

__all__ = ["Edge", "Graph", "Kind", "Op", "Operand", "Phase", "Role", "Window"]


class Kind(StrEnum):
    """What an op does to data. CUSTOM ops are priced by their bytes, and listed as uncounted."""

    MATMUL = "matmul"
    CONV = "conv"
    SOFTMAX = "softmax"
    NORM = "norm"
    POOL = "pool"
    REDUCE = "reduce"
    ELEMENTWISE = "elementwise"
    SCAN = "scan"
    SORT = "sort"
    GATHER = "gather"
    COPY = "copy"
    CUSTOM = "custom"


class Role(StrEnum):
    """What an operand is to its op. STATE persists between runs (a KV cache, an optimizer's)."""

    INPUT = "input"
    WEIGHT = "weight"
    OUTPUT = "output"
    STATE = "state"


class Phase(StrEnum):
    """The part of a run that an op belongs to."""

    FORWARD = "forward"
    BACKWARD = "backward"
    UPDATE = "update"
    PREFILL = "prefill"
    DECODE = "decode"


@dataclass(frozen=True, slots=True)
class Window:
    """A sliding dim of a convolution: along `dim`, the operand is read at
    `stride * dim + dilation * kernel`, where `kernel` is the name of the kernel's dim."""

    dim: str
    kernel: str
    stride: int = 1
    dilation: int = 1


@dataclass(frozen=True, slots=True)
class Operand:
    """A tensor that an op reads or writes.

    dims: the loop dims that index it. density: fraction of nonzeros, or spike rate.
    stored: its elements in memory, where dims can't say (padding, broadcast, a table that is
    read in part). on_chip: made and used inside one kernel, so it never reaches main memory.
    """

    dims: tuple[str, ...]
    format: Format
    role: Role
    density: float = 1.0
    windows: tuple[Window, ...] = ()
    stored: int | None = None
    on_chip: bool = False


@dataclass(frozen=True, slots=True)
class Op:
    """One operation of a run.

    name: unique in its phase. module: path in the module tree, '' at the root.
    target: the operator it came from ('aten.mm', 'onnx.Gemm', 'hf.mlp').
    repeat: times it runs (decode steps, time steps); its operands are those of one run.
    """

    name: str
    kind: Kind
    dims: Mapping[str, int]
    operands: tuple[Operand, ...]
    phase: Phase = Phase.FORWARD
    module: str = ""
    target: str = ""
    repeat: int = 1

    @property
    def shape_key(self) -> tuple[object, ...]:
        """Equal for ops that cost the same: estimators memoise on it."""
        return (self.kind, tuple(self.dims.items()), self.operands)

    def extent(self, dims: tuple[str, ...]) -> int:
        """Product of the extents of `dims`."""
        return math.prod(self.dims[d] for d in dims)

    def elements(self, operand: Operand) -> int:
        """Elements of `operand` in memory."""
        if operand.stored is not None:
            return operand.stored
        slid = {w.dim: self._span(w) for w in operand.windows}
        return math.prod(slid.get(d, self.dims[d]) for d in operand.dims)

    def _span(self, w: Window) -> int:
        return (self.dims[w.dim] - 1) * w.stride + (self.dims[w.kernel] - 1) * w.dilation + 1

    def bytes_of(self, operand: Operand) -> float:
        """Bytes of `operand` in memory."""
        shape = tuple(self.dims[d] for d in operand.dims)
        return self.elements(operand) * operand.format.bits_per_element(shape) / 8


@dataclass(frozen=True, slots=True)
class Edge:
    """Data made by op `source` is operand number `operand` of op `target` (indices into ops)."""

    source: int
    target: int
    operand: int


@dataclass(frozen=True, slots=True)
class Graph:
    """An immutable sequence of ops in the order they run, with data edges and the module tree.

    modules: class name by module path, in the model's order.
    notes: what a reader of its numbers should know.
    """

    name: str
    ops: tuple[Op, ...]
    edges: tuple[Edge, ...] = ()
    modules: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def uncounted(self) -> tuple[Op, ...]:
        """Ops whose work can't be counted. They are priced by bytes moved."""
        return tuple(op for op in self.ops if op.kind is Kind.CUSTOM)

    def with_ops(self, ops: tuple[Op, ...]) -> Graph:
        """The same graph with other ops, one for one."""
        return replace(self, ops=ops)
