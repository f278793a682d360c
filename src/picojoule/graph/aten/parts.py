"""Call: one ATen call as it was seen. Part: one op to be, with the tensor behind each operand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from picojoule.formats import parse_format
from picojoule.graph.ir import Kind, Operand, Role, Window

__all__ = ["Call", "Part", "Slot", "on_chip", "stored", "tensors_in"]

# An operand and the tensor behind it; no tensor for what stays on chip.
Slot = tuple[Operand, Tensor | None]


@dataclass(frozen=True, slots=True)
class Part:
    """One op to be: its kind, its dims, and its operands with their tensors."""

    kind: Kind
    dims: dict[str, int]
    slots: tuple[Slot, ...]
    label: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an ATen operator. `role` tells weights, state and inputs apart."""

    func: Any
    args: Sequence[Any]
    kwargs: dict[str, Any]
    out: Any
    role: Callable[[Tensor], Role]

    @property
    def name(self) -> str:
        """'addmm', without namespace and overload."""
        return str(self.func._schema.name.split("::")[-1])

    @property
    def inputs(self) -> list[Tensor]:
        """All tensors among the arguments."""
        return tensors_in(self.args) + tensors_in(self.kwargs)

    @property
    def outputs(self) -> list[Tensor]:
        """All tensors that came back and have elements."""
        return [t for t in tensors_in(self.out) if t.numel()]

    def read(self, t: Tensor, *dims: str, windows: tuple[Window, ...] = ()) -> Slot:
        """An operand that is read, indexed by `dims`."""
        return _slot(t, dims, self.role(t), windows)

    def write(self, t: Tensor, *dims: str, windows: tuple[Window, ...] = ()) -> Slot:
        """An operand that is written, indexed by `dims`."""
        return _slot(t, dims, Role.OUTPUT, windows)


def _slot(t: Tensor, dims: tuple[str, ...], role: Role, windows: tuple[Window, ...]) -> Slot:
    return Operand(dims, parse_format(str(t.dtype)), role, windows=windows, stored=stored(t)), t


def stored(t: Tensor) -> int:
    """Elements in memory: a dim of stride 0 (expand) is stored once."""
    return math.prod(n for n, s in zip(t.shape, t.stride(), strict=True) if s != 0)


def on_chip(like: Tensor, role: Role, *dims: str) -> Slot:
    """An operand of `like`'s dtype that lives and dies inside one kernel."""
    return Operand(dims, parse_format(str(like.dtype)), role, on_chip=True), None


def tensors_in(tree: object) -> list[Tensor]:
    """All tensors in nested lists, tuples and dicts, in order."""
    if isinstance(tree, Tensor):
        return [tree]
    if isinstance(tree, dict):
        tree = tuple(tree.values())
    if isinstance(tree, list | tuple):
        return [t for item in tree for t in tensors_in(item)]
    return []
