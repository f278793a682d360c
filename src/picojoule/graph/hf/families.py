"""The decoder families of Hugging Face, as data: how their modules are called and wired.

One row per model_type. Names are those of the checkpoints in transformers 5, so that a ledger of
a config and a ledger of the traced module have the same paths.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

__all__ = ["ENCODERS", "FAMILIES", "Bias", "Family"]

# Always, never, or as a config field says (with the value when it is absent).
Bias = bool | tuple[str, bool]


@dataclass(frozen=True, slots=True)
class Family:
    """What is common to all models of a family. The defaults are Llama's.

    norm: RMS has one parameter per element, layer norm two, 'none' has none.
    parallel: attention and MLP read the same input and are added together.
    qk_norm: queries and keys are normalised per 'head' or over the 'full' projection.
    window: which layers slide when the config has no layer_types.
    expert_width, mlp_width: the fields with the width of an expert (None: the family has none) and
    of a dense MLP (None: it is always four times the hidden size).
    defaults: fields that published configs leave out.
    """

    layers: str = "model.layers"
    embed: str = "model.embed_tokens"
    positions: str | None = None
    position_offset: int = 0
    embed_norm: str | None = None
    final_norm: str = "model.norm"
    attention: str = "self_attn"
    qkv: tuple[str, ...] = ("q_proj", "k_proj", "v_proj")
    out: str = "o_proj"
    mlp: str = "mlp"
    up: tuple[str, ...] = ("gate_proj", "up_proj")
    down: str = "down_proj"
    gated: bool = True
    pre_attention: str | None = "input_layernorm"
    post_attention: str | None = None
    pre_mlp: str | None = "post_attention_layernorm"
    post_mlp: str | None = None
    norm: Literal["rms", "layer", "none"] = "rms"
    rotary: bool = True
    parallel: Bias = False
    tied: bool = False
    qkv_bias: Bias = False
    out_bias: Bias = False
    mlp_bias: Bias = False
    head_bias: bool = False
    qk_norm: Literal["head", "full"] | None = None
    sinks: bool = False
    window: Literal["all", "even", "five of six", "late"] | None = None
    latent: bool = False
    router: str = "gate"
    shared: str | None = None
    expert_width: str | None = None
    mlp_width: str | None = "intermediate_size"
    expert_bias: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict)


_ATTENTION_BIAS: Bias = ("attention_bias", False)
_LLAMA = Family(qkv_bias=_ATTENTION_BIAS, out_bias=_ATTENTION_BIAS, mlp_bias=("mlp_bias", False))
_MISTRAL = Family(window="all")
_QWEN2 = Family(qkv_bias=True, window="late")
_QWEN3 = Family(
    qkv_bias=_ATTENTION_BIAS, out_bias=_ATTENTION_BIAS, qk_norm="head", window="late",
    defaults={"head_dim": 128},
)  # fmt: skip
_GEMMA = Family(
    qkv_bias=_ATTENTION_BIAS, out_bias=_ATTENTION_BIAS, tied=True, defaults={"head_dim": 256}
)
_GEMMA2 = replace(
    _GEMMA, window="even", post_attention="post_attention_layernorm",
    pre_mlp="pre_feedforward_layernorm", post_mlp="post_feedforward_layernorm",
)  # fmt: skip
# Published multimodal Gemma 3 configs leave these out of their text_config.
_GEMMA3 = replace(
    _GEMMA2, window="five of six", qk_norm="head",
    defaults={
        "head_dim": 256, "num_attention_heads": 8, "num_key_value_heads": 4, "vocab_size": 262208,
        "sliding_window": 4096,
    },
)  # fmt: skip
_OLMO = replace(_LLAMA, norm="none", mlp_bias=False)
_OLMO2 = replace(
    _LLAMA, mlp_bias=False, qk_norm="full", pre_attention=None, pre_mlp=None,
    post_attention="post_attention_layernorm", post_mlp="post_feedforward_layernorm",
)  # fmt: skip
_DEEPSEEK = Family(
    latent=True, qkv_bias=_ATTENTION_BIAS, out_bias=_ATTENTION_BIAS,
    expert_width="moe_intermediate_size", shared="shared_experts",
)  # fmt: skip
_GPT2 = Family(
    layers="transformer.h", embed="transformer.wte", positions="transformer.wpe",
    final_norm="transformer.ln_f", attention="attn", qkv=("c_attn",), out="c_proj", up=("c_fc",),
    down="c_proj", mlp_width="n_inner", gated=False, pre_attention="ln_1", pre_mlp="ln_2",
    norm="layer", rotary=False, tied=True, qkv_bias=True, out_bias=True, mlp_bias=True,
)  # fmt: skip
_BLOOM = Family(
    layers="transformer.h", embed="transformer.word_embeddings",
    embed_norm="transformer.word_embeddings_layernorm", final_norm="transformer.ln_f",
    attention="self_attention", qkv=("query_key_value",), out="dense", up=("dense_h_to_4h",),
    down="dense_4h_to_h", mlp_width=None, gated=False, norm="layer", rotary=False, tied=True,
    qkv_bias=True, out_bias=True, mlp_bias=True,
)  # fmt: skip
_FALCON_BIAS: Bias = ("bias", False)
_NEOX_BIAS: Bias = ("attention_bias", True)
_OPT_BIAS: Bias = ("enable_bias", True)
_STARCODER_BIAS: Bias = ("use_bias", True)

FAMILIES: dict[str, Family] = {
    "llama": _LLAMA,
    "smollm3": replace(_LLAMA, tied=True),
    "granite": _LLAMA,
    "mistral": _MISTRAL,
    "mixtral": replace(_MISTRAL, expert_width="intermediate_size"),
    "qwen2": _QWEN2,
    "qwen2_moe": replace(
        _QWEN2, qkv_bias=("qkv_bias", True), expert_width="moe_intermediate_size",
        shared="shared_expert",
    ),
    "qwen3": _QWEN3,
    "qwen3_moe": replace(_QWEN3, expert_width="moe_intermediate_size", defaults={}),
    "gemma": _GEMMA,
    "gemma2": _GEMMA2,
    "gemma3_text": _GEMMA3,
    "phi": Family(
        out="dense", up=("fc1",), down="fc2", gated=False, final_norm="model.final_layernorm",
        pre_mlp=None, parallel=True, norm="layer", qkv_bias=True, out_bias=True, mlp_bias=True,
        head_bias=True,
    ),
    "phi3": Family(qkv=("qkv_proj",), up=("gate_up_proj",), window="all"),
    "olmo": _OLMO,
    "olmo2": _OLMO2,
    "olmoe": replace(_LLAMA, qk_norm="full", expert_width="intermediate_size", mlp_bias=False),
    "deepseek_v2": _DEEPSEEK,
    "deepseek_v3": _DEEPSEEK,
    "gpt_oss": Family(
        window="even", qkv_bias=("attention_bias", True), out_bias=("attention_bias", True),
        sinks=True, expert_width="intermediate_size", router="router", expert_bias=True,
        defaults={"head_dim": 64, "sliding_window": 128},
    ),
    "gpt2": _GPT2,
    "gpt_bigcode": _GPT2,
    "gpt_neox": replace(
        _BLOOM, layers="gpt_neox.layers", embed="gpt_neox.embed_in", embed_norm=None,
        final_norm="gpt_neox.final_layer_norm", attention="attention",
        mlp_width="intermediate_size", rotary=True, tied=False,
        parallel=("use_parallel_residual", True), qkv_bias=_NEOX_BIAS, out_bias=_NEOX_BIAS,
    ),
    "opt": Family(
        layers="model.decoder.layers", embed="model.decoder.embed_tokens",
        positions="model.decoder.embed_positions", position_offset=2,
        final_norm="model.decoder.final_layer_norm", out="out_proj", mlp="", up=("fc1",),
        down="fc2", mlp_width="ffn_dim", gated=False, pre_attention="self_attn_layer_norm",
        pre_mlp="final_layer_norm", norm="layer", rotary=False, tied=True,
        qkv_bias=_OPT_BIAS, out_bias=_OPT_BIAS, mlp_bias=_OPT_BIAS,
    ),
    "bloom": _BLOOM,
    "falcon": replace(
        _BLOOM, embed_norm=None, mlp_width="ffn_hidden_size", rotary=True,
        parallel=("parallel_attn", True),
        qkv_bias=_FALCON_BIAS, out_bias=_FALCON_BIAS, mlp_bias=_FALCON_BIAS,
    ),
    "starcoder2": Family(
        up=("c_fc",), down="c_proj", gated=False, norm="layer", tied=True, window="all",
        qkv_bias=_STARCODER_BIAS, out_bias=_STARCODER_BIAS, mlp_bias=_STARCODER_BIAS,
    ),
}  # fmt: skip

# Known, and better traced as a module: they have no prompt and decode phases of this kind.
ENCODERS = frozenset(
    "albert bart bert blip clip convnext deberta deit detr distilbert electra mobilebert "
    "modernbert mpnet resnet roberta segformer siglip swin t5 vit wav2vec2 whisper xlm-roberta"
    .split()
)  # fmt: skip
