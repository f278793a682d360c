"""A language model as it is deployed on GPUs, and what that makes each GPU hold, move and compute.

`facts` turns many deployments into arrays, which `serving.steps` prices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from picojoule.calibrate.llm.architectures import Architecture
from picojoule.calibrate.llm.gpus import Gpu
from picojoule.calibrate.measured_set import Floats

__all__ = ["BITS", "Deployment", "Facts", "facts", "held_bytes", "sequence_bytes"]

# Bits of a stored weight. MXFP4: 32 values share an 8-bit scale (OCP MX specification 1.0).
BITS = {"bfloat16": 16.0, "float16": 16.0, "fp8": 8.0, "mxfp4": 4.25}
_KEPT = 2.0  # bytes of an element of activations, KV cache and what stays in bfloat16
_STATE = 4.0  # bytes of an element of a Mamba state, kept in float32


@dataclass(frozen=True, slots=True)
class Deployment:
    """A model as it is served.

    precision: of the weights, a key of BITS. tensor, pipeline, data: degrees of parallelism, whose
    product is the number of GPUs. expert: GPUs that share the experts of a layer; 1: as `tensor`.
    batch: sequences in flight in all replicas. prompt_tokens (text), output_tokens: per request.
    image_mpixels, video_mpixels: pixels per request, in millions, of all images and all frames.
    fresh_share: of requests whose prompt was not sent before. greedy: tokens are not drawn.
    """

    architecture: Architecture
    gpu: Gpu
    precision: str
    batch: float
    output_tokens: float
    prompt_tokens: float = 0.0
    tensor: int = 1
    pipeline: int = 1
    data: int = 1
    expert: int = 1
    fresh_share: float = 1.0
    greedy: bool = False
    image_mpixels: float = 0.0
    video_mpixels: float = 0.0

    @property
    def gpus(self) -> int:
        """How many."""
        return self.tensor * self.pipeline * self.data


@dataclass(frozen=True, slots=True)
class Facts:
    """What `steps` needs of n deployments, one array (n,) a field.

    *_bytes, *_flop: of one GPU, for all layers; flop per token. Deployment's own names otherwise.
    """

    batch: Floats
    output_tokens: Floats
    prompt_tokens: Floats
    fresh_share: Floats  # of the requests whose prompt is in no cache
    image_mpixels: Floats
    video_mpixels: Floats
    gpus: Floats
    tensor: Floats
    pipeline: Floats
    data: Floats
    expert: Floats
    fixed_bytes: Floats  # weights that every step reads
    expert_bytes: Floats  # of one expert in every layer that has experts, whole
    experts: Floats
    active_experts: Floats
    routed_flop: Floats  # per token, of experts
    low_flop: Floats  # per token, in the precision of the weights
    kept_flop: Floats  # per token, in 16 bits
    head_flop: Floats  # per output token
    kv_bytes: Floats  # of a token, in layers that see everything
    kv_window_bytes: Floats
    window: Floats
    score_flop: Floats  # per pair of tokens, in layers that see everything
    score_window_flop: Floats
    state_bytes: Floats
    block_rows: Floats  # rows that a grouped kernel fills for each expert
    activation_bytes: Floats  # of a token's way through its experts, once
    fused: Floats  # 1 where one kernel serves all experts of a layer
    hidden_bytes: Floats  # of a token's activations that one all-reduce moves
    reduces: Floats  # all-reduces of a step
    queries: Floats  # heads that share a key
    logit_bytes: Floats  # that an output token is drawn from, in 32 bits
    layers: Floats
    moe_layers: Floats
    mamba_layers: Floats
    pixels_per_token: Floats
    image_tokens: Floats
    video_frames: Floats
    vision_flop: Floats  # per pixel
    low_peak: Floats
    kept_peak: Floats
    memory_b_s: Floats
    link_b_s: Floats
    limit_w: Floats


def held_bytes(d: Deployment) -> float:
    """Bytes of weights on each GPU: all but experts in `tensor` parts, experts in `expert`."""
    a = d.architecture
    experts = a.moe_layers * a.experts * a.expert_parameters * BITS[d.precision] / 8.0
    rest = _kept_bytes(a, BITS[d.precision] / 8.0) + 1e9 * a.vision_b * _KEPT
    if not a.tied:
        rest += a.head_parameters * _KEPT  # the embedding
    return (rest / d.tensor + experts / _group(d)) / d.pipeline


def sequence_bytes(d: Deployment, tokens: float) -> float:
    """Bytes of one sequence of `tokens` in the KV cache and Mamba states, on each GPU."""
    a = d.architecture
    near = a.windowed_layers * min(tokens, a.window)
    layers = (a.attentions - a.windowed_layers) * tokens + near
    state = a.mamba_layers * a.state_elements * _STATE / d.tensor
    return (layers * _kv_bytes(d) + state) / d.pipeline


def _group(d: Deployment) -> int:
    return d.tensor * d.data if d.expert > 1 else d.tensor


def _kv_bytes(d: Deployment) -> float:
    """Of a token in one layer, on each GPU. Latent caches are copied, heads are split."""
    a = d.architecture
    return a.kv_elements * _KEPT / (1 if a.kv_rank else min(d.tensor, a.kv_heads))


def _kept_bytes(a: Architecture, low: float) -> float:
    """Of the weights that each step reads, experts aside; low: bytes of a weight."""
    attention = a.attentions * a.attention_parameters + a.mamba_layers * a.mamba_parameters
    mlp = a.dense_mlps * a.dense_parameters + a.moe_layers * a.shared_parameters
    kept = _KEPT if "attention" in a.kept_16bit else low
    return attention * kept + mlp * low + a.head_parameters * _KEPT


def facts(deployments: Sequence[Deployment]) -> Facts:
    """The numbers of deployments as arrays."""
    rows = np.array([_facts(d) for d in deployments], float).reshape(-1, len(fields(Facts)))
    return Facts(*rows.T)


def _facts(d: Deployment) -> tuple[float, ...]:
    """In the order of the fields of Facts."""
    a, split = d.architecture, d.tensor
    low = BITS[d.precision] / 8.0
    attention = a.attentions * a.attention_parameters + a.mamba_layers * a.mamba_parameters
    mlp = a.dense_mlps * a.dense_parameters + a.moe_layers * a.shared_parameters
    routed = a.moe_layers * a.active_experts * a.expert_parameters
    kept = attention if "attention" in a.kept_16bit else 0.0
    full, kv = a.attentions - a.windowed_layers, _kv_bytes(d)
    score = 2.0 * a.heads * (2 * a.kv_rank + a.rope_dim if a.kv_rank else 2 * a.head_dim) / split
    reduces = a.attentions + a.mamba_layers + a.dense_mlps + a.moe_layers
    fused = d.gpu.name in a.fused_experts
    return (
        d.batch, d.output_tokens, d.prompt_tokens, d.fresh_share, d.image_mpixels, d.video_mpixels,
        d.gpus, split, d.pipeline, d.data, _group(d),
        _kept_bytes(a, low) / split, a.moe_layers * a.expert_parameters * low,
        a.experts, a.active_experts,
        2.0 * routed / split, 2.0 * (attention - kept + mlp) / split, 2.0 * kept / split,
        2.0 * a.head_parameters / split,
        full * kv, a.windowed_layers * kv, a.window, full * score, a.windowed_layers * score,
        a.mamba_layers * a.state_elements * _STATE / split,
        a.block_rows * (low == 1.0) * (not fused),
        a.moe_layers * a.active_experts * (a.hidden + a.expert_intermediate) * _KEPT, fused,
        a.hidden * _KEPT, reduces * (_group(d) > 1),
        1.0 if a.kv_rank else a.heads / a.kv_heads, 0.0 if d.greedy else 4.0 * a.vocab,
        a.layers, a.moe_layers, a.mamba_layers,
        a.pixels_per_token, a.image_tokens, a.video_frames, _vision_flop(a) / split,
        d.gpu.flop_s(BITS[d.precision]), d.gpu.flop16_s, d.gpu.memory_b_s, d.gpu.link_b_s,
        d.gpu.limit_w,
    )  # fmt: skip


def _vision_flop(a: Architecture) -> float:
    """Per pixel: an encoder meets each patch of 14 or 16 pixels once, and four make one token."""
    patches = 4.0 / a.pixels_per_token if a.pixels_per_token else 1.0 / 196.0
    return 2.0 * a.vision_b * 1e9 * patches
