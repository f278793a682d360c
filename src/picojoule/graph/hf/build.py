"""Writing ops of a decoder: linear layers, norms, elementwise steps, each with its data edges."""

from __future__ import annotations

from dataclasses import dataclass, field

from picojoule.formats import INT64, Format
from picojoule.graph.attention_loops import Loops
from picojoule.graph.ir import Edge, Graph, Kind, Op, Operand, Phase, Role

__all__ = ["Builder", "Run"]


@dataclass(frozen=True, slots=True)
class Run:
    """Which run of the model: `batch` sequences, each with `past` tokens in the cache and `tokens`
    new ones. repeat: times it runs."""

    batch: int
    tokens: int
    past: int
    format: Format
    phase: Phase
    repeat: int = 1

    @property
    def rows(self) -> int:
        """New tokens of all sequences."""
        return self.batch * self.tokens


@dataclass(slots=True)
class Builder:
    """Collects the ops of one run, and the parameters of the whole model.

    A value is the index of the op that makes it; None is what no op makes (token ids, a cache).
    parameters: all that are stored. inactive: those of experts that one token does not use.
    """

    run: Run
    ops: list[Op] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    modules: dict[str, str] = field(default_factory=dict)
    parameters: int = 0
    inactive: int = 0

    def emit(self, module: str, loops: Loops, sources: tuple[int | None, ...], target: str) -> int:
        """Append an op; sources are the values of its first operands. Returns its index."""
        name = f"{module}.{loops.name}".strip(".") if loops.name else module
        index = len(self.ops)
        self.edges += [Edge(s, index, i) for i, s in enumerate(sources) if s is not None]
        self.ops.append(
            Op(name, loops.kind, loops.dims, loops.operands, self.run.phase, module,
               f"hf.{target}", self.run.repeat)
        )  # fmt: skip
        return index

    def operand(self, dims: tuple[str, ...], role: Role, stored: int | None = None) -> Operand:
        """An operand in the run's format."""
        return Operand(dims, self.run.format, role, stored=stored)

    def linear(
        self, path: str, x: int | None, n: int, k: int, *, bias: bool = False,
        rows: int | None = None, stored: bool = True,
    ) -> int:  # fmt: skip
        """A matrix product [rows, k] × [k, n]. stored: its parameters are not another layer's."""
        self.modules[path] = "Linear"
        self.parameters += (n * k if stored else 0) + (n if bias else 0)
        biases = (self.operand(("n",), Role.WEIGHT),) if bias else ()
        operands = (
            self.operand(("m", "k"), Role.INPUT), self.operand(("k", "n"), Role.WEIGHT),
            *biases, self.operand(("m", "n"), Role.OUTPUT),
        )  # fmt: skip
        dims = {"m": rows or self.run.rows, "n": n, "k": k}
        return self.emit(path, Loops("", Kind.MATMUL, dims, operands), (x,), "linear")

    def norm(self, path: str, x: int, width: int, style: str, *, times: int = 1) -> int:
        """A norm over `width` elements, `times` per token (per head, for example)."""
        self.modules[path] = {"rms": "RMSNorm"}.get(style, "LayerNorm")
        size = width * {"rms": 1, "layer": 2, "none": 0}[style]
        self.parameters += size
        weights = (self.operand(("e",), Role.WEIGHT, size),) if size else ()
        operands = (
            self.operand(("e",), Role.INPUT), *weights, self.operand(("e",), Role.OUTPUT),
        )  # fmt: skip
        dims = {"e": self.run.rows * times * width}
        return self.emit(path, Loops("", Kind.NORM, dims, operands), (x,), "norm")

    def stream(
        self, module: str, name: str, kind: Kind, width: int, inputs: dict[int, int],
        *, target: str = "elementwise", extra: tuple[Operand, ...] = (),
    ) -> int:  # fmt: skip
        """An op over `width` elements per token, from inputs {value: elements per token}."""
        rows = self.run.rows
        reads = (self.operand(("e",), Role.INPUT, rows * w) for w in inputs.values())
        operands = (*reads, *extra, self.operand(("e",), Role.OUTPUT))
        loops = Loops(name, kind, {"e": rows * width}, operands)
        return self.emit(module, loops, tuple(inputs), target)

    def lookup(self, path: str, rows: int, width: int) -> int:
        """Rows of an embedding table, one per token; the rest of the table is not read."""
        self.modules[path] = "Embedding"
        self.parameters += rows * width
        ids = Operand(("m",), INT64, Role.INPUT)
        table = self.operand(("m", "n"), Role.WEIGHT)
        dims = {"m": self.run.rows, "n": width}
        operands = (ids, table, self.operand(("m", "n"), Role.OUTPUT))
        return self.emit(path, Loops("", Kind.GATHER, dims, operands), (), "embedding")

    def graph(self, name: str, notes: tuple[str, ...]) -> Graph:
        """What was collected, as a Graph."""
        return Graph(name, tuple(self.ops), tuple(self.edges), self.modules, notes)
