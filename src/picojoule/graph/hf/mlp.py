"""MLPs of a decoder layer: plain, gated, and mixtures of experts."""

from __future__ import annotations

from picojoule.graph.attention_loops import Loops
from picojoule.graph.hf.build import Builder
from picojoule.graph.hf.decoder import Decoder, Experts
from picojoule.graph.ir import Kind, Role

__all__ = ["experts_touched", "feed"]


def experts_touched(experts: int, active: int, tokens: int) -> float:
    """Expected number of distinct experts that `tokens` tokens use, each `active` of `experts`.

    E·(1 − (1 − k/E)^tokens), for uniform and independent routing: each expert is missed by one
    token with probability 1 − k/E.
    """
    return experts * (1 - (1 - active / experts) ** tokens)


def feed(b: Builder, d: Decoder, path: str, x: int, mlp: int | Experts) -> int:
    """From the normed input `x` to the MLP's output."""
    if isinstance(mlp, int):
        return _dense(b, d, path, x, mlp)
    return _mixture(b, d, path, x, mlp)


def _dense(b: Builder, d: Decoder, path: str, x: int, width: int) -> int:
    names, down = d.family.up, f"{path}.{d.family.down}"
    b.modules.setdefault(path, "MLP")
    each = (2 if d.family.gated else 1) * width // len(names)
    ups = [b.linear(f"{path}.{n}", x, each, d.hidden, bias=d.mlp_bias) for n in names]
    act = b.stream(path, "act_fn", Kind.ELEMENTWISE, width, dict.fromkeys(ups, each), target="act")
    return b.linear(down, act, d.hidden, width, bias=d.mlp_bias)


def _mixture(b: Builder, d: Decoder, path: str, x: int, e: Experts) -> int:
    b.modules[path] = "MoE"
    router = f"{path}.{d.family.router}"
    logits = b.linear(router, x, e.experts, d.hidden, bias=e.bias)
    weights = b.stream(router, "softmax", Kind.SOFTMAX, e.experts, {logits: e.experts})
    chosen = b.stream(router, "topk", Kind.SORT, e.experts, {weights: e.experts})
    outputs = {_experts(b, d, f"{path}.experts", x, e): e.active * d.hidden, chosen: e.active}
    if e.shared:
        outputs[_shared(b, d, f"{path}.{d.family.shared}", x, e)] = d.hidden
    width = (e.active + bool(e.shared)) * d.hidden
    return b.stream(path, "combine", Kind.REDUCE, width, outputs, target="combine")


def _experts(b: Builder, d: Decoder, path: str, x: int, e: Experts) -> int:
    b.modules[path] = "Experts"
    up = _expert_linear(b, f"{path}.gate_up_proj", path, x, 2 * e.width, d.hidden, e)
    rows = e.active * e.width
    act = b.stream(path, "act_fn", Kind.ELEMENTWISE, rows, {up: 2 * rows}, target="act")
    return _expert_linear(b, f"{path}.down_proj", path, act, d.hidden, e.width, e)


def _expert_linear(b: Builder, name: str, path: str, x: int, n: int, k: int, e: Experts) -> int:
    """Every token meets `active` experts; every expert that is met is read once."""
    size = n * k + (n if e.bias else 0)
    b.parameters += e.experts * size
    b.inactive += (e.experts - e.active) * size
    touched = experts_touched(e.experts, e.active, b.run.rows)
    operands = (
        b.operand(("m", "k"), Role.INPUT),
        b.operand(("k", "n"), Role.WEIGHT, round(touched * size)),
        b.operand(("m", "n"), Role.OUTPUT),
    )
    dims = {"m": b.run.rows * e.active, "n": n, "k": k}
    loops = Loops(name.removeprefix(f"{path}."), Kind.MATMUL, dims, operands)
    return b.emit(path, loops, (x,), "experts")


def _shared(b: Builder, d: Decoder, path: str, x: int, e: Experts) -> int:
    out = _dense(b, d, path, x, e.shared)
    if not e.shared_gate:
        return out
    gate = b.linear(f"{path}_gate", x, 1, d.hidden)
    return b.stream(path, "scale", Kind.ELEMENTWISE, d.hidden, {out: d.hidden, gate: 1})
