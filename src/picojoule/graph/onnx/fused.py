"""ONNX ops that hold several contractions: attention, in four spellings, and recurrent layers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from picojoule.graph.attention_loops import Attention
from picojoule.graph.ir import Kind, Operand, Role
from picojoule.graph.onnx.contract import product
from picojoule.graph.onnx.values import Node, Part, Value

__all__ = [
    "attention", "group_query_attention", "multi_head_attention", "packed_attention", "recurrent",
]  # fmt: skip

_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


@dataclass(frozen=True, slots=True)
class _Cached:
    """Keys or values of earlier runs, and how many tokens of them."""

    key: Value | None
    value: Value | None

    @property
    def tokens(self) -> int:
        known = self.key is not None and self.key.known and len(self.key.sizes) == 4
        return self.key.sizes[2] if known and self.key is not None else 0


def _parts(
    q: Value, k: Value, v: Value, y: Value, core: Attention, mask: Value | None, past: _Cached
) -> list[Part]:
    """Scores, softmax and context, after writing the new keys and values where there is a cache."""
    scores, softmax, context = core.loops()
    s, p = Value(), Value()
    masks = [] if mask is None or not mask.known else [mask.at(("m", "n"))]
    keys, values = (past.key, past.value) if core.cached else (k, v)
    query, key, row = scores.operands
    prob, value, out = context.operands
    parts = [
        Part(scores.kind, scores.dims, ((q, query), (keys, key), *masks, (s, row)), "scores"),
        Part(softmax.kind, softmax.dims,
             ((s, softmax.operands[0]), (p, softmax.operands[1])), "softmax"),
        Part(context.kind, context.dims, ((p, prob), (values, value), (y, out)), "context"),
    ]  # fmt: skip
    return ([_write(core, k, v)] if core.cached else []) + parts


def _write(core: Attention, k: Value, v: Value) -> Part:
    new = core.b * (core.n - (core.tokens or 0)) * (core.k + core.v)
    sources = (k,) if k is v else (k, v)
    size = new // len(sources)
    reads = ((x, Operand(("e",), x.format, Role.INPUT, stored=size)) for x in sources)
    state = Operand(("e",), core.format, Role.STATE)
    return Part(Kind.COPY, {"e": new}, (*reads, (None, state)), "cache")


def _core(
    q: Value, *, batch: int, heads: int, kv_heads: int, queries: int, keys: int, width: int,
    value_width: int, past: int,
) -> Attention:  # fmt: skip
    return Attention(
        b=batch * kv_heads, m=heads // kv_heads * queries, n=keys, k=width, v=value_width,
        format=q.format, cached=past > 0, tokens=past or None,
    )  # fmt: skip


def attention(node: Node) -> list[Part]:
    """ai.onnx.Attention (opset 23): Q, K, V as [B, S, heads·D] or [B, heads, S, D]."""
    q, k, v, y = node.need(0), node.need(1), node.need(2), node.result()
    past = _Cached(node.arg(4), node.arg(5))
    if len(q.sizes) == 4:
        batch, heads, queries, width = q.sizes
        kv_heads, new, value_width = k.sizes[1], k.sizes[2], v.sizes[3]
    else:
        heads, kv_heads = node.attrs["q_num_heads"], node.attrs["kv_num_heads"]
        batch, queries, new = q.sizes[0], q.sizes[1], k.sizes[1]
        width, value_width = q.sizes[2] // heads, v.sizes[2] // kv_heads
    core = _core(
        q, batch=batch, heads=heads, kv_heads=kv_heads, queries=queries, keys=new + past.tokens,
        width=width, value_width=value_width, past=past.tokens,
    )  # fmt: skip
    return _parts(q, k, v, y, core, node.arg(3), past)


def multi_head_attention(node: Node) -> list[Part]:
    """com.microsoft.MultiHeadAttention: [B, S, hidden] each; keys may come as [B, heads, L, D]."""
    q, y, heads = node.need(0), node.result(), node.attrs["num_heads"]
    k, v = node.arg(1) or q, node.arg(2) or q
    past = _Cached(node.arg(6), node.arg(7))
    batch, queries = q.sizes[0], q.sizes[1]
    new = k.sizes[2] if len(k.sizes) == 4 else k.sizes[1]
    width = q.sizes[4] if len(q.sizes) == 5 else q.sizes[2] // heads
    core = _core(q, batch=batch, heads=heads, kv_heads=heads, queries=queries,
                 keys=new + past.tokens, width=width, value_width=y.sizes[2] // heads,
                 past=past.tokens)  # fmt: skip
    return _parts(q, k, v, y, core, node.arg(5), past)


def group_query_attention(node: Node) -> list[Part]:
    """com.microsoft.GroupQueryAttention; without key and value, the query input holds all three."""
    q, y = node.need(0), node.result()
    heads, kv_heads = node.attrs["num_heads"], node.attrs["kv_num_heads"]
    k, v = node.arg(1) or q, node.arg(2) or q
    past = _Cached(node.arg(3), node.arg(4))
    packed = heads + 2 * kv_heads if k is q else heads
    width = q.sizes[2] // packed
    core = _core(q, batch=q.sizes[0], heads=heads, kv_heads=kv_heads, queries=q.sizes[1],
                 keys=q.sizes[1] + past.tokens, width=width, value_width=width,
                 past=past.tokens)  # fmt: skip
    return _parts(q, k, v, y, core, None, past)


def packed_attention(node: Node) -> list[Part]:
    """com.microsoft.Attention and QAttention: the projection of [B, S, I] by [I, 3·hidden], then
    attention on its three parts."""
    x, w, y, heads = node.need(0), node.need(1), node.result(), node.attrs["num_heads"]
    batch, queries, _ = x.sizes
    bias = node.arg(2)
    qkv = Value(None, (batch, queries, w.sizes[1]), y.format)
    extra = [] if bias is None or not bias.known else [bias.at(("n",))]
    project = product((x, ("b", "s", "k")), (w, ("k", "n")), (qkv, ("b", "s", "n")), extra=extra)
    out_width = y.sizes[2]
    query_width = (w.sizes[1] - out_width) // 2
    core = _core(qkv, batch=batch, heads=heads, kv_heads=heads, queries=queries, keys=queries,
                 width=query_width // heads, value_width=out_width // heads, past=0)  # fmt: skip
    none = _Cached(None, None)
    first = Part(project.kind, project.dims, project.operands, "project")
    return [first, *_parts(qkv, qkv, qkv, y, core, None, none)]


def recurrent(node: Node) -> list[Part]:
    """LSTM, GRU, RNN: one product over all time steps for the inputs, one per step for the state.

    The state's weights are read again at every step.
    """
    x, w, r = node.need(0), node.need(1), node.need(2)
    steps, batch = x.sizes[:2] if not node.attrs.get("layout") else x.sizes[1::-1]
    directions, hidden = r.sizes[0], r.sizes[2]
    gates = _GATES[node.op] * hidden
    dims = {"b": directions, "m": steps * batch, "n": gates, "k": x.sizes[2]}
    made, sums = Value(None, (directions, steps * batch, gates), x.format), Value()
    biases = [b.at(("b", "n")) for b in (node.arg(3),) if b is not None and b.known]
    reads = (x.at(("m", "k")), w.at(("b", "k", "n")), *biases)
    project = Part(Kind.MATMUL, dims, (*reads, made.out(("b", "m", "n"))), "input")
    step = {"b": directions, "m": batch, "n": gates, "k": hidden}
    state = Operand(("b", "m", "k"), x.format, Role.STATE)
    partial = Operand(("b", "m", "n"), x.format, Role.OUTPUT, on_chip=True)
    turn = Part(Kind.MATMUL, step, ((None, state), r.at(("b", "k", "n")), (sums, partial)),
                "recurrent", steps)  # fmt: skip
    return [project, turn, _activate(node, made, sums, directions * batch, gates, hidden, steps)]


def _activate(
    node: Node, made: Value, sums: Value, rows: int, gates: int, hidden: int, steps: int
) -> Part:
    fmt = made.format
    size = math.prod((rows, gates))
    outs = [v.out(("e",), stored=rows * hidden) for v in node.outs[:1] if v is not None and v.known]
    operands = (
        made.at(("e",), stored=size),
        (sums, Operand(("e",), fmt, Role.INPUT, stored=size, on_chip=True)),
        (None, Operand(("e",), fmt, Role.STATE, stored=rows * hidden)),
        *outs,
    )
    return Part(Kind.ELEMENTWISE, {"e": size}, operands, "gates", steps)
