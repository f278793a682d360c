"""Attention of a decoder layer: grouped-query heads, and DeepSeek's latent attention."""

from __future__ import annotations

from picojoule.graph.attention_loops import Attention, Loops
from picojoule.graph.hf.build import Builder
from picojoule.graph.hf.decoder import Decoder, Heads, Latent
from picojoule.graph.ir import Kind, Operand, Phase, Role

__all__ = ["attend"]


def attend(b: Builder, d: Decoder, path: str, x: int, window: int | None) -> int:
    """From the normed input `x` to the output projection."""
    b.modules[path] = "Attention"
    if isinstance(d.attention, Latent):
        return _latent(b, d, d.attention, path, x)
    return _grouped(b, d, d.attention, path, x, window)


def _grouped(b: Builder, d: Decoder, a: Heads, path: str, x: int, window: int | None) -> int:
    q, k, v = _project(b, d, a, path, x)
    q, k = _normalise(b, d, a, path, q, k)
    kv_width = a.kv_heads * a.width
    if d.family.rotary:
        inputs = _inputs((q, a.heads * a.width), (k, kv_width))
        width = sum(inputs.values())
        q = k = b.stream(path, "rotary", Kind.ELEMENTWISE, width, inputs, target="rotary")
    _cache(b, path, k, v, 2 * kv_width)
    visible, cached = _span(b, window)
    core = Attention(
        b=b.run.batch * a.kv_heads, m=a.heads // a.kv_heads * b.run.tokens, n=visible,
        k=a.width, v=a.width, format=b.run.format, cached=b.run.past > 0, tokens=cached,
    )  # fmt: skip
    if d.family.sinks:
        b.parameters += a.heads
    context = _core(b, path, core, q, k, v)
    out = f"{path}.{d.family.out}"
    return b.linear(out, context, d.hidden, a.heads * a.width, bias=a.out_bias)


def _project(b: Builder, d: Decoder, a: Heads, path: str, x: int) -> tuple[int, int, int]:
    """Queries, keys and values; one product for all where the family fuses them."""
    sizes = (a.heads * a.width, a.kv_heads * a.width, a.kv_heads * a.width)
    names = d.family.qkv
    if len(names) == 1:
        fused = b.linear(f"{path}.{names[0]}", x, sum(sizes), d.hidden, bias=a.qkv_bias)
        return fused, fused, fused
    q, k, v = (
        b.linear(f"{path}.{name}", x, n, d.hidden, bias=a.qkv_bias)
        for name, n in zip(names, sizes, strict=True)
    )
    return q, k, v


def _normalise(b: Builder, d: Decoder, a: Heads, path: str, q: int, k: int) -> tuple[int, int]:
    if d.family.qk_norm is None:
        return q, k
    full = d.family.qk_norm == "full"

    def norm(name: str, value: int, heads: int) -> int:
        width, times = (heads * a.width, 1) if full else (a.width, heads)
        return b.norm(f"{path}.{name}", value, width, d.family.norm, times=times)

    return norm("q_norm", q, a.heads), norm("k_norm", k, a.kv_heads)


def _inputs(*values: tuple[int, int]) -> dict[int, int]:
    """Elements read per token of each value; parts of one fused value are added."""
    total: dict[int, int] = {}
    for value, width in values:
        total[value] = total.get(value, 0) + width
    return total


def _cache(b: Builder, path: str, k: int, v: int, width: int) -> int:
    """Write the new tokens' keys and values, `width` elements per token, to the cache."""
    sources = (k, v) if k != v else (k,)
    rows = b.run.rows
    reads = tuple(b.operand(("e",), Role.INPUT, rows * width // len(sources)) for _ in sources)
    state = b.operand(("e",), Role.STATE)
    loops = Loops("cache", Kind.COPY, {"e": rows * width}, (*reads, state))
    return b.emit(path, loops, sources, "cache")


def _span(b: Builder, window: int | None) -> tuple[int, int | None]:
    """Keys that a query meets, and keys per head that are read from the cache (None: all met).

    A decode step meets `past` cached tokens and its own, which is still on chip.
    """
    run = b.run
    total = run.past + run.tokens
    met = min(total, window or total)
    if run.phase is Phase.DECODE:
        return met, met - 1
    return met, total if met < total else None


def _core(b: Builder, path: str, core: Attention, q: int, k: int, v: int | None) -> int:
    scores, softmax, context = core.loops()
    fresh = not core.cached
    s = b.emit(path, scores, (q, k if fresh else None), "attention")
    p = b.emit(path, softmax, (s,), "attention")
    return b.emit(path, context, (p, v if fresh else None), "attention")


def _latent(b: Builder, d: Decoder, a: Latent, path: str, x: int) -> int:
    """Latent attention: prefill expands the latents into heads; decode works on the latents
    themselves, with the expansion absorbed into queries and outputs (arXiv 2405.04434, 2.1.2)."""
    q = _latent_queries(b, d, a, path, x)
    kv = b.linear(f"{path}.kv_a_proj_with_mqa", x, a.kv_rank + a.rope, d.hidden, bias=a.bias)
    latent = b.norm(f"{path}.kv_a_layernorm", kv, a.kv_rank, "rms")
    rotated = b.stream(path, "rotary", Kind.ELEMENTWISE, (a.heads + 1) * a.rope,
                       {q: a.heads * a.rope, kv: a.rope}, target="rotary")  # fmt: skip
    _cache(b, path, latent, rotated, a.kv_rank + a.rope)
    inner = _absorbed if b.run.phase is Phase.DECODE else _expanded
    context = inner(b, a, path, q, latent)
    return b.linear(f"{path}.o_proj", context, d.hidden, a.heads * a.value, bias=a.bias)


def _latent_queries(b: Builder, d: Decoder, a: Latent, path: str, x: int) -> int:
    width = a.heads * (a.nope + a.rope)
    if a.q_rank is None:
        return b.linear(f"{path}.q_proj", x, width, d.hidden)
    low = b.linear(f"{path}.q_a_proj", x, a.q_rank, d.hidden, bias=a.bias)
    low = b.norm(f"{path}.q_a_layernorm", low, a.q_rank, "rms")
    return b.linear(f"{path}.q_b_proj", low, width, a.q_rank)


def _expanded(b: Builder, a: Latent, path: str, q: int, latent: int) -> int:
    run = b.run
    keys = run.past + run.tokens
    width = a.heads * (a.nope + a.value)
    kv = b.linear(f"{path}.kv_b_proj", latent, width, a.kv_rank, rows=run.batch * keys)
    core = Attention(
        b=run.batch * a.heads, m=run.tokens, n=keys, k=a.nope + a.rope, v=a.value, format=run.format
    )
    return _core(b, path, core, q, kv, kv)


def _absorbed(b: Builder, a: Latent, path: str, q: int, latent: int) -> int:
    run = b.run
    b.modules[f"{path}.kv_b_proj"] = "Linear"
    b.parameters += a.heads * (a.nope + a.value) * a.kv_rank
    q = _per_head(b, a, path, "absorb_queries", q, n=a.kv_rank, k=a.nope)
    visible, cached = _span(b, None)
    # The values are the latents, which are the keys without their rotary part: read once.
    core = Attention(
        b=run.batch, m=a.heads * run.tokens, n=visible, k=a.kv_rank + a.rope, v=a.kv_rank,
        format=run.format, cached=run.past > 0, tokens=cached, shared=True,
    )  # fmt: skip
    context = _core(b, path, core, q, latent, latent)
    return _per_head(b, a, path, "absorb_values", context, n=a.value, k=a.kv_rank)


def _per_head(b: Builder, a: Latent, path: str, name: str, x: int, *, n: int, k: int) -> int:
    """One matrix per head: half of kv_b_proj, applied to queries or to outputs."""
    fmt = b.run.format
    operands = (
        Operand(("b", "m", "k"), fmt, Role.INPUT),
        Operand(("b", "k", "n"), fmt, Role.WEIGHT),
        Operand(("b", "m", "n"), fmt, Role.OUTPUT),
    )
    dims = {"b": a.heads, "m": b.run.rows, "n": n, "k": k}
    return b.emit(f"{path}.kv_b_proj", Loops(name, Kind.MATMUL, dims, operands), (x,), "absorbed")
