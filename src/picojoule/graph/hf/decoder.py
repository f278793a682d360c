"""What one decoder has: all that a count needs to know of a model."""

from __future__ import annotations

from dataclasses import dataclass

from picojoule.graph.hf.families import Family

__all__ = ["Decoder", "Experts", "Heads", "Latent", "Layer"]


@dataclass(frozen=True, slots=True)
class Heads:
    """Grouped-query attention: `heads` query heads share `kv_heads` keys and values."""

    heads: int
    kv_heads: int
    width: int
    qkv_bias: bool
    out_bias: bool


@dataclass(frozen=True, slots=True)
class Latent:
    """Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1): keys and values
    are read from one compressed vector of `kv_rank` + `rope` elements per token."""

    heads: int
    q_rank: int | None
    kv_rank: int
    nope: int
    rope: int
    value: int
    bias: bool


@dataclass(frozen=True, slots=True)
class Experts:
    """A mixture of experts: `active` of `experts` per token, of intermediate size `width`, beside
    shared experts of intermediate size `shared` in all (0: none)."""

    experts: int
    active: int
    width: int
    shared: int = 0
    shared_gate: bool = False
    bias: bool = False


@dataclass(frozen=True, slots=True)
class Layer:
    """window: tokens that a query sees, itself included; None for all. mlp: an intermediate size,
    or experts."""

    window: int | None
    mlp: int | Experts


@dataclass(frozen=True, slots=True)
class Decoder:
    """All that a count needs to know of one model."""

    model_type: str
    family: Family
    hidden: int
    vocab: int
    embed_width: int
    positions: int
    tied: bool
    mlp_bias: bool
    parallel: bool
    mlp_norm: bool
    final_norm: bool
    attention: Heads | Latent
    layers: tuple[Layer, ...]
    notes: tuple[str, ...]
