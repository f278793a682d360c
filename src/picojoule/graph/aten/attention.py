"""Fused attention, told as the contractions that it is; the score matrix stays on chip.

Causal masks are counted in full, as the field's reference counts do.
"""

from __future__ import annotations

import math

from torch import Tensor

from picojoule.graph.aten.parts import Call, Part, on_chip, tensors_in
from picojoule.graph.aten.products import product
from picojoule.graph.ir import Kind, Role

__all__ = ["attention", "attention_backward"]


def _extents(q: Tensor, k: Tensor, v: Tensor) -> tuple[dict[str, int], dict[str, int]]:
    """Dims of scores = q kᵀ and context = softmax(scores) v; b runs over batch and query heads."""
    heads = math.prod(q.shape[:-2])
    scores = {"b": heads, "m": q.shape[-2], "n": k.shape[-2], "k": q.shape[-1]}
    context = {"b": heads, "m": q.shape[-2], "n": v.shape[-1], "k": k.shape[-2]}
    return scores, context


def attention(call: Call) -> list[Part]:
    """Scores, softmax, context."""
    q, k, v = call.args[:3]
    scores, context = _extents(q, k, v)
    masks = [t for t in tensors_in(call.args[3:]) + tensors_in(call.kwargs) if t.dim() >= 2]
    row = on_chip(q, Role.OUTPUT, "b", "m", "n")
    inner = on_chip(q, Role.INPUT, "b", "m", "n")
    probs = on_chip(q, Role.INPUT, "b", "m", "k")
    out = call.write(call.outputs[0], "b", "m", "n")
    return [
        product(
            scores, call.read(q, "b", "m", "k"), call.read(k, "b", "k", "n"), row,
            *(call.read(t, "m", "n") for t in masks), label="scores",
        ),
        Part(Kind.SOFTMAX, {d: scores[d] for d in "bmn"}, (inner, row), "softmax"),
        product(context, probs, call.read(v, "b", "k", "n"), out, label="context"),
    ]  # fmt: skip


def attention_backward(call: Call) -> list[Part]:
    """Four products, as unfused attention has; recomputing the scores is a kernel's own choice."""
    dy, q, k, v = call.args[:4]
    s, c = _extents(q, k, v)
    dq, dk, dv = tensors_in(call.out)[:3]
    kept = on_chip(q, Role.OUTPUT, "b", "m", "n")
    inner = on_chip(q, Role.INPUT, "b", "m", "n")
    rows, columns = on_chip(q, Role.INPUT, "b", "m", "k"), on_chip(q, Role.INPUT, "b", "k", "m")
    heads = {"b": s["b"]}
    return [
        product(
            heads | {"m": c["k"], "n": c["n"], "k": c["m"]}, columns,
            call.read(dy, "b", "k", "n"), call.write(dv, "b", "m", "n"), label="grad_value",
        ),
        product(
            heads | {"m": s["m"], "n": s["n"], "k": c["n"]}, call.read(dy, "b", "m", "k"),
            call.read(v, "b", "n", "k"), kept, label="grad_probs",
        ),
        Part(Kind.SOFTMAX, {d: s[d] for d in "bmn"}, (inner, kept), "grad_softmax"),
        product(
            heads | {"m": s["m"], "n": s["k"], "k": s["n"]}, rows,
            call.read(k, "b", "k", "n"), call.write(dq, "b", "m", "n"), label="grad_query",
        ),
        product(
            heads | {"m": s["n"], "n": s["k"], "k": s["m"]}, columns,
            call.read(q, "b", "k", "n"), call.write(dk, "b", "m", "n"), label="grad_key",
        ),
    ]  # fmt: skip
