"""Decoder configs against published parameter counts, reference MACs, and transformers itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import CONFIG_MAPPING, AutoModelForCausalLM

from picojoule.errors import InputError, TraceError
from picojoule.graph import Graph, Kind, Phase, Role, count
from picojoule.graph.count import bytes_by_role
from picojoule.graph.from_hf import Parameters, from_hf, is_config, parameters
from picojoule.graph.hf.families import FAMILIES
from picojoule.graph.hf.mlp import experts_touched

LLAMA2_7B = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008, "vocab_size": 32000,
    "num_hidden_layers": 32, "num_attention_heads": 32, "tie_word_embeddings": False,
}  # fmt: skip
LLAMA3_8B = LLAMA2_7B | {
    "intermediate_size": 14336, "vocab_size": 128256, "num_key_value_heads": 8,
}  # fmt: skip
LLAMA3_70B = LLAMA3_8B | {
    "hidden_size": 8192, "intermediate_size": 28672, "num_hidden_layers": 80,
    "num_attention_heads": 64,
}  # fmt: skip
MIXTRAL_8X7B = LLAMA3_8B | {
    "model_type": "mixtral", "vocab_size": 32000, "num_local_experts": 8, "num_experts_per_tok": 2,
    "sliding_window": None,
}  # fmt: skip
DEEPSEEK_V3 = {
    "model_type": "deepseek_v3", "vocab_size": 129280, "hidden_size": 7168,
    "intermediate_size": 18432, "moe_intermediate_size": 2048, "num_hidden_layers": 61,
    "num_attention_heads": 128, "n_shared_experts": 1, "n_routed_experts": 256,
    "num_experts_per_tok": 8, "first_k_dense_replace": 3, "q_lora_rank": 1536,
    "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
    "tie_word_embeddings": False,
}  # fmt: skip


def prefill(config, prompt=512, batch=1, **more) -> Graph:
    return from_hf(config, batch=batch, prompt=prompt, phase=Phase.PREFILL, **more)


def decode(config, context, batch=1, **more) -> Graph:
    return from_hf(config, batch=batch, context=context, phase=Phase.DECODE, **more)


def state_bytes(graph: Graph, kind: Kind) -> float:
    return sum(bytes_by_role(op).get(Role.STATE, 0) for op in graph.ops if op.kind is kind)


# ---------------------------------------------------------------- published numbers
def test_llama_2_7b_reference_macs():
    assert f"{count(prefill(LLAMA2_7B)).macs / 1e9:.1f}" == "3451.5"
    last = prefill(LLAMA2_7B, logits="last")
    assert count(prefill(LLAMA2_7B)).macs - count(last).macs == 511 * 4096 * 32000


@pytest.mark.parametrize(
    ("config", "total", "active"),
    [
        (LLAMA2_7B, "6.74", "6.74"),
        (LLAMA3_8B, "8.03", "8.03"),
        (LLAMA3_70B, "70.6", "70.6"),
        (MIXTRAL_8X7B, "46.7", "12.9"),
        (DEEPSEEK_V3, "671.0", "37.6"),  # published as 671B and 37B
    ],
)
def test_published_parameter_counts(config, total, active):
    found = parameters(config)
    digits = len(total.partition(".")[2])
    assert (f"{found.total / 1e9:.{digits}f}", f"{found.active / 1e9:.{digits}f}") == (
        total,
        active,
    )


def test_weights_are_read_once_except_unused_rows_of_the_embedding():
    read = count(prefill(LLAMA2_7B)).weight_bytes / 2
    assert read == parameters(LLAMA2_7B).total - (32000 - 512) * 4096
    tied = LLAMA2_7B | {"tie_word_embeddings": True}
    assert parameters(LLAMA2_7B).total - parameters(tied).total == 32000 * 4096
    assert count(prefill(tied)).weight_bytes / 2 == read


# ---------------------------------------------------------------- transformers as the oracle
SMALL = {
    "hidden_size": 64, "n_embd": 64, "num_hidden_layers": 3, "n_layer": 3,
    "num_attention_heads": 4, "n_head": 4, "intermediate_size": 96, "ffn_dim": 96,
    "moe_intermediate_size": 48, "shared_expert_intermediate_size": 80, "vocab_size": 100,
    "max_position_embeddings": 64, "n_positions": 64, "num_experts_per_tok": 2,
    "num_local_experts": 6, "num_experts": 6, "n_routed_experts": 6, "n_group": 1,
    "topk_group": 1, "first_k_dense_replace": 1, "n_shared_experts": 2,
    "q_lora_rank": 24, "kv_lora_rank": 16, "qk_nope_head_dim": 12, "qk_rope_head_dim": 8,
    "v_head_dim": 12, "word_embed_proj_dim": 64, "sliding_window": 32, "pad_token_id": 0,
    "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
# Families whose heads are not set by num_key_value_heads and head_dim.
_OWN_HEADS = frozenset(
    "bloom deepseek_v2 deepseek_v3 falcon gpt2 gpt_bigcode gpt_neox opt phi".split()
)


def small(model_type: str, **more):
    """A tiny config, of those fields that its class has."""
    cls = CONFIG_MAPPING[model_type]
    fields = {*cls().to_dict(), *cls.attribute_map, "num_experts_per_tok"}
    values = {k: v for k, v in SMALL.items() if k in fields}
    own = {"num_key_value_heads": 4} if "deepseek" in model_type else {}
    heads = own if model_type in _OWN_HEADS else {"num_key_value_heads": 2, "head_dim": 16}
    return cls(**{**values, **heads, **more})


VARIANTS = [(t, {}) for t in sorted(FAMILIES)] + [
    ("llama", {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
    ("gemma", {"head_dim": 24}),
    ("qwen2_moe", {"decoder_sparse_step": 2}),
    ("qwen3_moe", {"mlp_only_layers": [1]}),
    ("deepseek_v3", {"q_lora_rank": None}),
    ("falcon", {"new_decoder_architecture": True, "num_kv_heads": 2}),
    ("falcon", {"multi_query": False, "parallel_attn": False, "bias": True}),
    ("opt", {"word_embed_proj_dim": 32, "do_layer_norm_before": False}),
    ("gpt_bigcode", {"multi_query": False}),
    ("gpt_neox", {"use_parallel_residual": False, "attention_bias": False}),
]


@pytest.mark.filterwarnings("ignore:.*is an Enum subclass:UserWarning")
@pytest.mark.parametrize(("model_type", "more"), VARIANTS)
def test_parameters_and_macs_equal_those_of_transformers(model_type, more):
    """On real tensors with plain attention and experts: all products are visible to the counter."""
    config = small(model_type, **more)
    config._attn_implementation = config._experts_implementation = "eager"
    net = AutoModelForCausalLM.from_config(config).eval()
    assert parameters(config).total == sum(p.numel() for p in net.parameters())
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.randint(3, 100, (2, 11)), use_cache=False)
    rotary = [v for k, v in counter.get_flop_counts().items() if k.endswith("rotary_emb")]
    # Rotary angles are a tiny product of positions and frequencies; a table in any real kernel.
    expected = (counter.get_total_flops() - sum(sum(v.values()) for v in rotary)) // 2
    g = prefill(config, prompt=11, batch=2)
    assert count(g).macs == expected
    assert count(g).uncounted == 0


@pytest.mark.parametrize(
    "model_type", sorted(set(FAMILIES) - {"olmo"})
)  # its norms have no weights
def test_module_paths_are_those_of_transformers(model_type):
    config = small(model_type)
    with torch.device("meta"):
        net = AutoModelForCausalLM.from_config(config)
    there = {name for name, _ in net.named_modules()}
    ours = {op.module for op in prefill(config, prompt=3).ops}
    assert ours <= there
    linear = {n for n, m in net.named_modules() if isinstance(m, torch.nn.Linear)}
    assert linear <= ours


def test_no_heavy_import():
    code = (
        "import sys, json; from picojoule.graph.from_hf import parameters;"
        f"parameters(json.loads({json.dumps(json.dumps(LLAMA2_7B))}));"
        "assert not {'torch', 'transformers', 'onnx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ---------------------------------------------------------------- prefill and decode
@pytest.mark.parametrize("config", [LLAMA2_7B, LLAMA3_8B, LLAMA3_70B])
def test_decode_reads_the_cache_by_kv_heads(config):
    batch, context = 4, 1000
    g = decode(config, context, batch)
    layers, kv_heads = config["num_hidden_layers"], config.get("num_key_value_heads", 32)
    token = 2 * layers * kv_heads * 128 * 2  # K and V, bfloat16
    assert state_bytes(g, Kind.MATMUL) == batch * context * token
    assert state_bytes(g, Kind.COPY) == batch * token
    heads, hidden = config["num_attention_heads"], config["hidden_size"]
    attention = 2 * layers * heads * 128 * (context + 1) * batch
    per_token = parameters(config).total - config["vocab_size"] * hidden - (2 * layers + 1) * hidden
    assert count(g).macs == batch * per_token + attention


def test_prefill_and_decode_agree_on_one_token():
    first, step = prefill(LLAMA3_8B, prompt=1), decode(LLAMA3_8B, 0)
    assert count(first).macs == count(step).macs
    assert {op.phase for op in step.ops} == {Phase.DECODE}


def test_chunked_prefill_attends_to_what_is_cached():
    whole = count(prefill(LLAMA3_8B, prompt=128)).macs
    chunk = count(prefill(LLAMA3_8B, prompt=64, context=64)).macs
    assert chunk == whole // 2
    g = prefill(LLAMA3_8B, prompt=64, context=64)
    assert state_bytes(g, Kind.MATMUL) == 128 * 2 * 32 * 8 * 128 * 2


def test_decode_steps_repeat_at_their_mean_length():
    g = decode(LLAMA3_8B, 100, decode_steps=9)
    assert {op.repeat for op in g.ops} == {9}
    assert count(g).macs == sum(count(decode(LLAMA3_8B, 100 + i)).macs for i in range(9))
    assert any("104 cached tokens" in n for n in g.notes)


def test_scores_stay_on_chip():
    g = prefill(LLAMA2_7B)
    scores, softmax, context = (
        next(op for op in g.ops if op.name == f"model.layers.0.self_attn.{n}")
        for n in ("scores", "softmax", "context")
    )
    assert (scores.kind, softmax.kind, context.kind) == (Kind.MATMUL, Kind.SOFTMAX, Kind.MATMUL)
    assert scores.operands[-1].on_chip
    assert all(o.on_chip for o in softmax.operands)
    assert context.operands[0].on_chip


def test_sliding_windows_bound_the_keys():
    config = LLAMA3_8B | {"model_type": "mistral", "sliding_window": 256}
    g = decode(config, 1000)
    assert state_bytes(g, Kind.MATMUL) == 255 * 2 * 32 * 8 * 128 * 2
    scores = next(op for op in prefill(config, prompt=1000).ops if op.name.endswith("scores"))
    assert scores.dims["n"] == 256
    assert scores.elements(scores.operands[1]) == 1000 * 8 * 128
    listed = config | {"layer_types": ["full_attention"] * 16 + ["sliding_attention"] * 16}
    half = state_bytes(decode(listed, 1000), Kind.MATMUL)
    assert half == (16 * 255 + 16 * 1000) * 2 * 8 * 128 * 2


@pytest.mark.parametrize(
    "model_type", ["gemma2", "gemma3_text", "gpt_oss", "mistral", "qwen2", "phi3"]
)
def test_sliding_layers_are_those_of_transformers(model_type):
    late = {"use_sliding_window": True, "max_window_layers": 5} if model_type == "qwen2" else {}
    config = small(model_type, num_hidden_layers=8, sliding_window=4, **late)
    types = getattr(config, "layer_types", None) or ["sliding_attention"] * 8
    plain = {k: v for k, v in config.to_dict().items() if k != "layer_types"}
    scores = [op for op in prefill(plain, prompt=9).ops if op.name.endswith("scores")]
    assert [s.dims["n"] for s in scores] == [4 if "sliding" in t else 9 for t in types]


def test_experts_by_what_is_active_and_what_is_touched():
    assert experts_touched(8, 2, 1) == pytest.approx(2)
    assert experts_touched(8, 2, 10_000) == pytest.approx(8)
    assert experts_touched(8, 2, 2) == pytest.approx(8 * (1 - 0.75**2))
    size = 3 * 4096 * 14336 * 32

    def read(batch: int) -> float:
        ops = [op for op in decode(MIXTRAL_8X7B, 10, batch).ops if op.module.endswith("experts")]
        return sum(bytes_by_role(op).get(Role.WEIGHT, 0) for op in ops) / 2

    assert read(1) == pytest.approx(2 * size)
    assert read(64) == pytest.approx(8 * size, rel=1e-6)
    g = decode(MIXTRAL_8X7B, 10, 4)
    assert any("5.5 distinct" in n for n in g.notes)
    dense = parameters(MIXTRAL_8X7B).active - 32000 * 4096 - 65 * 4096
    assert count(decode(MIXTRAL_8X7B, 0, 4)).macs == 4 * (dense + 2 * 32 * 4096)


def test_latent_attention_caches_latents():
    g = decode(DEEPSEEK_V3, 4096, 2)
    # DeepSeek-V2 (arXiv 2405.04434), table 1: (d_c + d_h^R) elements per token and layer.
    assert state_bytes(g, Kind.MATMUL) == 2 * 4096 * 61 * (512 + 64) * 2
    assert state_bytes(g, Kind.COPY) == 2 * 61 * (512 + 64) * 2
    read = sum(bytes_by_role(op).get(Role.WEIGHT, 0) for op in g.ops if "kv_b_proj" in op.name)
    assert read == 61 * 128 * (128 + 128) * 512 * 2
    assert any("absorbed" in n for n in g.notes)


def test_edges_follow_the_data():
    g = prefill(LLAMA3_8B, prompt=5)
    index = {op.name: i for i, op in enumerate(g.ops)}
    layer = "model.layers.1"
    pairs = {(e.source, e.target) for e in g.edges}
    for source, target in [
        (f"{layer}.input_layernorm", f"{layer}.self_attn.q_proj"),
        (f"{layer}.self_attn.rotary", f"{layer}.self_attn.scores"),
        (f"{layer}.self_attn.v_proj", f"{layer}.self_attn.context"),
        (f"{layer}.add_attention", f"{layer}.add_mlp"),
        ("model.norm", "lm_head"),
    ]:
        assert (index[source], index[target]) in pairs
    assert all(e.source < e.target < len(g.ops) for e in g.edges)
    assert len({op.name for op in g.ops}) == len(g.ops)


# ---------------------------------------------------------------- what is read, and refused
def test_a_config_may_be_a_file_a_folder_a_mapping_or_an_object(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(LLAMA3_8B))
    expected = Parameters(8030261248, 8030261248)
    assert parameters(path) == parameters(str(tmp_path)) == parameters(LLAMA3_8B) == expected
    assert is_config(LLAMA3_8B)
    assert not is_config({"a": 1})
    assert not is_config([])


def test_multimodal_configs_count_their_text_decoder():
    text = small("gemma3_text").to_dict()
    g = prefill({"model_type": "gemma3", "text_config": text, "vision_config": {}}, prompt=4)
    assert "only the text decoder of gemma3 is counted" in g.notes
    # As published for Gemma 3 4B: heads and vocabulary are the class's defaults.
    sparse = {"model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240,
              "num_hidden_layers": 34, "sliding_window": 1024}  # fmt: skip
    assert (
        f"{parameters({'model_type': 'gemma3', 'text_config': sparse}).total / 1e9:.2f}" == "3.88"
    )


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"hidden_size": None}, "no hidden_size"),
        ({"hidden_size": 0}, "hidden_size is wrong"),
        ({"hidden_size": -5}, "hidden_size is wrong"),
        ({"hidden_size": "4096"}, "hidden_size is wrong"),
        ({"hidden_size": True}, "hidden_size is wrong"),
        ({"hidden_size": 10**30}, "hidden_size is wrong"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers is wrong"),
        ({"hidden_size": 4097}, "divisor of hidden_size"),
        ({"num_key_value_heads": 7}, "num_key_value_heads is wrong"),
        ({"num_experts_per_tok": 9}, "num_experts_per_tok is wrong"),
        ({"num_experts_per_tok": None}, "no num_experts_per_tok"),
        ({"layer_types": ["full_attention"]}, "layer_types is wrong"),
        ({"layer_types": ["linear_attention"] * 32}, "layer_types is wrong"),
        ({"tie_word_embeddings": "no"}, "tie_word_embeddings is wrong"),
        ({"model_type": "mixtrall"}, "did you mean mixtral"),
        ({"model_type": "bert"}, "trace the nn.Module"),
        ({"model_type": "whisper"}, "not a decoder-only"),
        ({"model_type": None}, "no model_type"),
        ({"model_type": 3}, "no model_type"),
    ],
)
def test_fields_that_can_not_be_are_named(change, match):
    with pytest.raises(TraceError) as caught:
        prefill(MIXTRAL_8X7B | change)
    assert re.search(match, str(caught.value))


def test_unknown_models_are_told_to_trace_the_module():
    with pytest.raises(TraceError, match="unknown model_type") as caught:
        prefill({"model_type": "mamba9"})
    assert "pj.trace(model, inputs)" in str(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        {"batch": 0, "prompt": 1}, {"batch": 1, "prompt": 0}, {"batch": 1, "prompt": -1},
        {"batch": 1.5, "prompt": 1}, {"batch": 1, "prompt": True}, {"batch": 1, "prompt": 2**50},
        {"batch": 1, "prompt": 1, "context": -1}, {"batch": 1, "prompt": 1, "logits": "some"},
        {"batch": 1, "prompt": 1, "phase": Phase.BACKWARD},
        {"batch": 1, "phase": Phase.DECODE, "decode_steps": 0},
    ],
)  # fmt: skip
def test_sizes_that_can_not_be(call):
    with pytest.raises(TraceError, match="expected"):
        from_hf(LLAMA2_7B, **{"phase": Phase.PREFILL, **call})
    with pytest.raises(InputError, match="number format"):
        prefill(LLAMA2_7B, dtype="float99")


@pytest.mark.parametrize("text", ["", "[1]", "{", "\x00", "[" * 100_000, "NaN"])
def test_files_that_are_no_config(text, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(TraceError):
        prefill(path)
    with pytest.raises(TraceError, match="no such config"):
        prefill(tmp_path / "other.json")
    with pytest.raises(TraceError, match="not a model config"):
        prefill(3)


def test_large_files_are_not_read(tmp_path):
    path = tmp_path / "config.json"
    with path.open("wb") as file:
        file.truncate(11 * 2**20)
    with pytest.raises(TraceError, match="too large"):
        prefill(path)


def test_what_is_left_out_is_noted():
    g = prefill(DEEPSEEK_V3 | {"num_nextn_predict_layers": 1, "quantization_config": {"bits": 8}})
    assert any("multi-token" in n for n in g.notes)
    assert any("quantization_config is ignored" in n for n in g.notes)
