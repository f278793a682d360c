"""From the fields of a config to a Decoder: checked sizes, and what each layer has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from picojoule.errors import TraceError, nearest
from picojoule.graph.hf.decoder import Decoder, Experts, Heads, Latent, Layer
from picojoule.graph.hf.families import ENCODERS, FAMILIES, Bias, Family
from picojoule.graph.hf.fields import MAX_LAYERS, Fields

__all__ = ["read_decoder"]

_TRACE_INSTEAD = "or trace the nn.Module itself: pj.trace(model, inputs)"


def read_decoder(config: Mapping[str, Any], where: str) -> Decoder:
    """Check and collect the fields of `config`.

    Raises TraceError, naming the field, for an unknown model_type and for fields that are missing,
    not positive, or don't fit together.
    """
    config, model_type, notes = _text_part(config, where)
    family = _family(model_type, where)
    f = Fields(config, where, family.defaults)
    count = f.size("num_hidden_layers", "n_layer")
    if count > MAX_LAYERS:
        raise f.wrong("num_hidden_layers", count, f"at most {MAX_LAYERS}")
    hidden = f.size("hidden_size", "n_embd", "n_embed")
    return Decoder(
        model_type, family, hidden,
        vocab=f.size("vocab_size"),
        embed_width=f.optional("word_embed_proj_dim") or hidden,
        positions=_positions(f, family),
        tied=f.flag("tie_word_embeddings", family.tied),
        mlp_bias=_bias(f, family.mlp_bias),
        parallel=_bias(f, family.parallel),
        mlp_norm=_has_mlp_norm(f, model_type),
        final_norm=_has_final_norm(f),
        attention=_latent(f) if family.latent else _heads(f, family, model_type, hidden),
        layers=tuple(
            Layer(window, mlp)
            for window, mlp in zip(
                _windows(f, family, count), _mlps(f, family, hidden, count), strict=True
            )
        ),
        notes=notes + _quiet_fields(f),
    )  # fmt: skip


def _text_part(
    config: Mapping[str, Any], where: str
) -> tuple[Mapping[str, Any], str, tuple[str, ...]]:
    """The decoder of a multimodal config, under its own model_type."""
    outer = config.get("model_type")
    inner = config.get("text_config")
    if not isinstance(inner, Mapping):
        if not isinstance(outer, str):
            raise TraceError("config has no model_type", where=where, fix=_TRACE_INSTEAD[3:])
        return config, outer, ()
    named = inner.get("model_type") or f"{outer}_text"
    return inner, str(named), (f"only the text decoder of {outer} is counted",)


def _family(model_type: str, where: str) -> Family:
    if model_type in FAMILIES:
        return FAMILIES[model_type]
    if model_type in ENCODERS:
        what = f"{model_type} is not a decoder-only language model"
        raise TraceError(what, where=where, fix=_TRACE_INSTEAD[3:])
    fix = f"{nearest(model_type, FAMILIES)} {_TRACE_INSTEAD}"
    raise TraceError("unknown model_type", where=where, got=repr(model_type), fix=fix)


def _bias(f: Fields, bias: Bias) -> bool:
    return bias if isinstance(bias, bool) else f.flag(*bias)


def _positions(f: Fields, family: Family) -> int:
    if family.positions is None:
        return 0
    return f.size("max_position_embeddings", "n_positions") + family.position_offset


def _has_final_norm(f: Fields) -> bool:
    """OPT-350m normalises after each block instead of before it, and has none at the end."""
    before = f.flag("do_layer_norm_before", True)
    return before and not f.flag("_remove_final_layer_norm", False)


def _has_mlp_norm(f: Fields, model_type: str) -> bool:
    """Falcon normalises the MLP's input apart only in some of its architectures."""
    if model_type != "falcon":
        return True
    if f.flag("new_decoder_architecture", False):
        return f.optional("num_ln_in_parallel_attn") != 1
    return not f.flag("parallel_attn", True)


def _heads(f: Fields, family: Family, model_type: str, hidden: int) -> Heads:
    heads = f.size("num_attention_heads", "n_head")
    width = f.optional("head_dim")
    if width is None:
        if hidden % heads:
            raise f.wrong(
                "num_attention_heads", heads, f"a divisor of hidden_size = {hidden}, or a head_dim"
            )
        width = hidden // heads
    kv_heads = _kv_heads(f, model_type, heads)
    if heads % kv_heads:
        raise f.wrong(
            "num_key_value_heads", kv_heads, f"a divisor of num_attention_heads = {heads}"
        )
    return Heads(heads, kv_heads, width, _bias(f, family.qkv_bias), _bias(f, family.out_bias))


def _kv_heads(f: Fields, model_type: str, heads: int) -> int:
    if model_type == "falcon" and not f.flag("new_decoder_architecture", False):
        return 1 if f.flag("multi_query", True) else heads
    if model_type == "gpt_bigcode":
        return 1 if f.flag("multi_query", True) else heads
    return f.optional("num_key_value_heads", "num_kv_heads") or heads


def _latent(f: Fields) -> Latent:
    return Latent(
        heads=f.size("num_attention_heads"),
        q_rank=f.optional("q_lora_rank"),
        kv_rank=f.size("kv_lora_rank"),
        nope=f.size("qk_nope_head_dim"),
        rope=f.size("qk_rope_head_dim"),
        value=f.size("v_head_dim"),
        bias=f.flag("attention_bias", False),
    )


def _windows(f: Fields, family: Family, count: int) -> list[int | None]:
    size = f.optional("sliding_window")
    types = f.raw("layer_types")
    if types is None:
        return [size if size and _slides(f, family, i) else None for i in range(count)]
    known = {"full_attention", "sliding_attention"}
    if not isinstance(types, list) or len(types) < count or not set(map(str, types)) <= known:
        raise f.wrong("layer_types", types, f"{count} of {' or '.join(sorted(known))}")
    sliding = [t == "sliding_attention" for t in types[:count]]
    if any(sliding) and size is None:
        size = f.size("sliding_window")
    return [size if s else None for s in sliding]


def _slides(f: Fields, family: Family, i: int) -> bool:
    """Whether layer i slides, by its family's rule, when the config doesn't list its layers."""
    match family.window:
        case "all":
            return True
        case "even":
            return i % 2 == 0
        case "five of six":
            return (i + 1) % (
                f.optional("sliding_window_pattern", "_sliding_window_pattern") or 6
            ) != 0
        case "late":
            return f.flag("use_sliding_window", False) and i >= f.count("max_window_layers", 28)
        case None:
            return False


def _mlps(f: Fields, family: Family, hidden: int, count: int) -> list[int | Experts]:
    experts = _experts(f, family)
    if experts is None:
        return [_dense_width(f, family, hidden)] * count
    dense = _dense_layers(f, family, count)
    return [_dense_width(f, family, hidden) if i in dense else experts for i in range(count)]


def _dense_layers(f: Fields, family: Family, count: int) -> set[int]:
    """Layers without experts: DeepSeek's first ones; Qwen's between the sparse steps."""
    if family.latent:
        return set(range(min(f.count("first_k_dense_replace", 0), count)))
    if family.expert_width != "moe_intermediate_size":
        return set()
    step = f.optional("decoder_sparse_step") or 1
    listed = f.raw("mlp_only_layers") or []
    if not isinstance(listed, list) or not all(isinstance(i, int) for i in listed):
        raise f.wrong("mlp_only_layers", listed, "a list of layer numbers")
    return {i for i in range(count) if (i + 1) % step or i in listed}


def _dense_width(f: Fields, family: Family, hidden: int) -> int:
    """Plain MLPs are four times as wide as the model unless the config says so."""
    if family.gated:
        return f.size("intermediate_size")
    return (f.optional(family.mlp_width) if family.mlp_width else None) or 4 * hidden


def _experts(f: Fields, family: Family) -> Experts | None:
    if family.expert_width is None:
        return None
    experts = f.optional("num_local_experts", "num_experts", "n_routed_experts")
    if experts is None:
        return None
    active = f.size("num_experts_per_tok")
    if active > experts:
        raise f.wrong("num_experts_per_tok", active, f"at most the {experts} experts")
    width = f.size(family.expert_width)
    return Experts(
        experts, active, width, shared=_shared_width(f, family, width),
        shared_gate=family.shared == "shared_expert", bias=family.expert_bias,
    )  # fmt: skip


def _shared_width(f: Fields, family: Family, width: int) -> int:
    if family.shared is None:
        return 0
    if family.shared == "shared_expert":
        return f.size("shared_expert_intermediate_size")
    return f.count("n_shared_experts", 0) * width


def _quiet_fields(f: Fields) -> tuple[str, ...]:
    """Notes on what the config says and the count leaves out."""
    notes = []
    if f.raw("quantization_config"):
        notes.append(
            "the config's quantization_config is ignored: all tensors have the given dtype"
        )
    if f.raw("num_nextn_predict_layers"):
        notes.append("multi-token prediction layers are not counted")
    return tuple(notes)
