"""Finds attention in a graph: scores, softmax, context, with the scores kept on chip."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from picojoule.cost.cascade.attention import Shape
from picojoule.graph import Graph, Kind, Op, Role

__all__ = ["Attention", "attentions"]


class Attention(NamedTuple):
    """The three ops of one attention, as front ends tell it, and its sizes."""

    scores: Op
    softmax: Op
    context: Op

    @property
    def shape(self) -> Shape:
        """Sizes of one run."""
        s, c = self.scores.dims, self.context.dims
        return Shape(s["b"], s["m"], s["n"], s["k"], c["n"])


def attentions(graph: Graph) -> Iterator[Attention]:
    """Every attention of `graph` whose score matrix stays on chip, in order."""
    for scores, softmax, context in zip(graph.ops, graph.ops[1:], graph.ops[2:], strict=False):
        kinds = (scores.kind, softmax.kind, context.kind)
        chained = _hands_over(scores, softmax) and _hands_over(softmax, context)
        alike = len({(o.phase, o.repeat) for o in (scores, softmax, context)}) == 1
        if kinds == (Kind.MATMUL, Kind.SOFTMAX, Kind.MATMUL) and chained and alike:
            yield Attention(scores, softmax, context)


def _hands_over(maker: Op, reader: Op) -> bool:
    """Whether data goes from one to the other without leaving the chip."""
    out = any(o.on_chip and o.role is Role.OUTPUT for o in maker.operands)
    return out and any(o.on_chip and o.role is not Role.OUTPUT for o in reader.operands)
