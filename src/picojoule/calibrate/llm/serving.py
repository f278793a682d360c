"""Step time and power of a served language model: decode and prefill on a group of GPUs.

    time   = linear layers + attention + launches + communication + host
             the first two are soft rooflines, (memory^p + arithmetic^p)^(1/p)
    joules = static power x time + bytes x J/B + FLOPs x J/FLOP, within the power limit

A step makes one token for each sequence in flight. In the steady state of a loaded server each
token also brings 1/output_tokens of a prefill, which shares its steps (chunked prefill), so a mean
step is a mixture of steps with and without one. Time and joules rest on shares of datasheet rates:
a GPU that was never measured is priced with the shares that the measured ones have in common.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from picojoule.calibrate.llm.deployment import Facts
from picojoule.calibrate.measured_set import Floats

__all__ = ["Constants", "Steps", "experts_met", "steps"]

_GRAPH = 512  # sequences of the largest CUDA graph that vLLM captures by default
_SQUARE = 896.0**2  # pixels of an image for encoders that make a fixed number of tokens


@dataclass(frozen=True, slots=True)
class Constants:
    """Fitted. Each is one number, or an array (n,) where the n deployments differ.

    A *_share of a rate is relative to the datasheet. Host constants are of the server program.
    """

    memory_share: Floats  # of bandwidth, when weights of dense layers stream
    linear_share: Floats  # of peak arithmetic, in dense layers
    expert_memory_share: Floats  # of bandwidth, in grouped kernels of experts
    expert_share: Floats  # of peak arithmetic, in experts
    attention_memory_share: Floats  # of bandwidth, when the KV cache is read
    attention_share: Floats  # of peak arithmetic, in attention
    regather: Floats  # exponent: how often keys are read again by the heads that share them
    logit_passes: Floats  # times that the sampler moves the logits
    sharpness: Floats  # p of the soft roofline
    layer_s: Floats  # launches, per layer
    moe_s: Floats  # more of them, per layer with experts
    mamba_s: Floats  # more of them, per Mamba layer
    mixed_s: Floats  # more of them, per layer of a step with a prefill
    eager_s: Floats  # least time of a layer that is launched without a CUDA graph
    reduce_s: Floats  # latency of an all-reduce, per doubling of the group
    link_share: Floats  # of NVLink's rate
    step_s: Floats  # host, per step
    sequence_s: Floats  # host, per sequence and step
    stall_s: Floats  # least time of a step that shares its host with other servers
    request_s: Floats  # host, per request
    mpixel_s: Floats  # host, per million pixels of images
    overlap: Floats  # p of the soft maximum of GPU and host
    routing: Floats  # share of tokens that choose experts independently
    filled: Floats  # share of block_rows that is filled in vain
    passes: Floats  # times that activations pass memory on their way through experts
    spread: Floats  # mean position in the output of a sequence in flight, of its mean length
    cached: Floats  # exponent: how well the prefix cache keeps prompts that come again
    static_share: Floats  # of the power limit, while serving
    active_share: Floats  # of the power limit, on top while kernels run
    byte_j: Floats  # per byte of DRAM
    flop_j: Floats  # per 16-bit FLOP
    low_share: Floats  # of flop_j, at 8 bits and below


@dataclass(frozen=True, slots=True)
class Steps:
    """Of n deployments, one array (n,) a field.

    decode_s: a step without prefill. time_s: a mean step. power_w: of all GPUs, in a mean step.
    energy_j: of all GPUs, per output token.
    """

    decode_s: Floats
    time_s: Floats
    power_w: Floats
    energy_j: Floats


@dataclass(frozen=True, slots=True)
class _Batch:
    """What one group of GPUs computes in one step.

    sequences: that decode a token, at `context` tokens. chunk: prefill tokens, of prompts of
    `prompt` tokens.
    """

    sequences: Floats
    context: Floats
    chunk: Floats
    prompt: Floats

    @property
    def tokens(self) -> Floats:
        """All that pass the linear layers."""
        return self.sequences + self.chunk


@dataclass(frozen=True, slots=True)
class _Work:
    """Of one GPU in one step. flop: as many 16-bit FLOPs as cost the same energy."""

    time_s: Floats
    bytes_moved: Floats
    flop: Floats


def steps(f: Facts, c: Constants) -> Steps:
    """Time, power and energy of the mean step of each deployment.

    With p pipeline stages a step is p batches of batch/p sequences, each of which meets 1/p of the
    layers on a GPU: as much work as one such batch that meets all layers. The host serves them all.
    """
    prompt = f.prompt_tokens + _image_tokens(f)
    sequences = f.batch / (f.pipeline * f.data)
    arrivals = f.batch / f.pipeline / f.output_tokens * f.fresh_share**c.cached  # prefills a step
    mixed = -np.expm1(-arrivals)  # share of steps with one: arrivals are Poisson
    # Replicas wait for each other: all are as late as the one with the longest prefill.
    longest = 1.0 + np.maximum(arrivals - 1.0, 0.0) / f.data
    chunk = prompt * np.where(f.data > 1, longest, arrivals / mixed)
    context = prompt + c.spread * f.output_tokens
    alone_s, alone_j = _step(f, c, _Batch(sequences, context, 0.0 * chunk, prompt))
    mixed_s, mixed_j = _step(f, c, _Batch(sequences, context, chunk, prompt))
    encoder_flop, request_s = _requests(f, c)
    host_s = f.pipeline * (c.step_s + c.sequence_s * sequences)
    gpu_s = (1 - mixed) * alone_s + mixed * mixed_s + host_s
    gpu_s = gpu_s + arrivals * encoder_flop / (c.linear_share * f.kept_peak)
    time_s = _soft(gpu_s, c.stall_s + arrivals * request_s, c.overlap)
    dynamic_j = (1 - mixed) * alone_j + mixed * mixed_j + arrivals * c.flop_j * encoder_flop
    time_s, power_w = _limited(f, c, time_s, dynamic_j)
    decode_s = _soft(alone_s + host_s, c.stall_s, c.overlap)
    return Steps(decode_s, time_s, power_w, power_w * time_s / f.batch)


def _step(f: Facts, c: Constants, b: _Batch) -> tuple[Floats, Floats]:
    """Seconds, and joules above static power, of one GPU."""
    parts = (_linear(f, c, b), _experts(f, c, b), _attention(f, c, b))
    busy_s = sum(part.time_s for part in parts)
    joules = sum(c.byte_j * part.bytes_moved + c.flop_j * part.flop for part in parts)
    eager_s = np.where(b.sequences > _GRAPH, f.layers * c.eager_s, 0.0)
    time_s = _soft(busy_s + _launches(f, c, b) + _reduces(f, c, b), eager_s, 3.0)
    return time_s, joules + c.active_share * f.limit_w * busy_s


def _cheap(f: Facts, c: Constants) -> Floats:
    """Joules of a FLOP in the precision of the weights, of those of one in 16 bits."""
    return np.where(f.low_peak > f.kept_peak, c.low_share, 1.0)


def _linear(f: Facts, c: Constants, b: _Batch) -> _Work:
    """Projections, dense MLPs, the head, sampling; Mamba states stream like weights."""
    low = b.tokens * f.low_flop
    kept = b.tokens * f.kept_flop + b.sequences * f.head_flop
    memory_s = f.fixed_bytes / (c.memory_share * f.memory_b_s)
    state_b = 2.0 * b.sequences * f.state_bytes  # read and written
    sampled_b = c.logit_passes * b.sequences * f.logit_bytes
    moved_s = (state_b + sampled_b) / (c.memory_share * f.memory_b_s)
    arithmetic_s = (low / f.low_peak + kept / f.kept_peak) / c.linear_share
    time_s = _soft(memory_s, arithmetic_s, c.sharpness) + moved_s
    return _Work(time_s, f.fixed_bytes + state_b + sampled_b, kept + low * _cheap(f, c))


def _experts(f: Facts, c: Constants, b: _Batch) -> _Work:
    """Weights of the experts that tokens meet, their arithmetic, and activations on the way."""
    everyone = b.tokens * np.where(f.expert > f.tensor, f.data, 1.0)  # replicas share experts
    met = experts_met(f.experts, f.active_experts, c.routing * everyone)
    weight_b = np.maximum(met, f.active_experts) * f.expert_bytes / f.expert
    moved_b = c.passes * everyone * f.activation_bytes
    per_row = f.routed_flop * f.tensor / np.maximum(f.active_experts, 1.0)
    flop = b.tokens * f.routed_flop + c.filled * f.block_rows * f.experts / f.expert * per_row
    share = np.where(f.fused > 0, c.memory_share, c.expert_memory_share)
    weights_s = weight_b / (share * f.memory_b_s)
    time_s = _soft(weights_s, flop / (c.expert_share * f.low_peak), c.sharpness)
    time_s = time_s + moved_b / (c.memory_share * f.memory_b_s)
    return _Work(time_s, weight_b + moved_b, flop * _cheap(f, c))


def experts_met(experts: Floats, active: Floats, tokens: Floats) -> Floats:
    """Different experts of a layer that tokens meet, if each chooses `active` of them: its mean.

    E (1 - (1 - k/E)^n); at most E, and 0 where there are none.
    """
    missed = np.log1p(-active / np.maximum(experts, active + 1e-9))
    met: Floats = -experts * np.expm1(tokens * missed)
    return met


def _attention(f: Facts, c: Constants, b: _Batch) -> _Work:
    """Decode reads the KV cache; prefill meets half of its prompt on average."""
    near, half = np.minimum(b.context, f.window), b.prompt / 2.0
    kv_b = b.sequences * (b.context * f.kv_bytes + near * f.kv_window_bytes)
    flop = b.sequences * (b.context * f.score_flop + near * f.score_window_flop)
    near_half = np.minimum(half, f.window)
    flop = flop + b.chunk * (half * f.score_flop + near_half * f.score_window_flop)
    memory_s = f.queries**c.regather * kv_b / (c.attention_memory_share * f.memory_b_s)
    arithmetic_s = flop / (c.attention_share * f.kept_peak)
    return _Work(_soft(memory_s, arithmetic_s, c.sharpness), kv_b, flop)


def _launches(f: Facts, c: Constants, b: _Batch) -> Floats:
    layer_s = c.layer_s + np.where(b.chunk > 0, c.mixed_s, 0.0)
    return f.layers * layer_s + f.moe_layers * c.moe_s + f.mamba_layers * c.mamba_s


def _reduces(f: Facts, c: Constants, b: _Batch) -> Floats:
    """All-reduces of a ring: each GPU sends 2 (G - 1)/G of the activations."""
    sent_b = 2.0 * (1.0 - 1.0 / f.expert) * b.tokens * f.hidden_bytes
    latency_s = c.reduce_s * np.log2(np.maximum(f.expert, 2.0))
    return f.reduces * (latency_s + sent_b / (c.link_share * f.link_b_s))


def _requests(f: Facts, c: Constants) -> tuple[Floats, Floats]:
    """Encoder FLOPs of one GPU and seconds of the host, per request."""
    pixels = _pixels(f)
    resized = np.where((f.image_tokens > 0) & (pixels > 0), _SQUARE, pixels)
    return f.vision_flop * resized, c.request_s + c.mpixel_s * (f.image_mpixels + f.video_mpixels)


def _image_tokens(f: Facts) -> Floats:
    pixels = _pixels(f)
    own = pixels / np.where(f.pixels_per_token > 0, f.pixels_per_token, np.inf)
    return np.where((f.image_tokens > 0) & (pixels > 0), f.image_tokens, own)


def _pixels(f: Facts) -> Floats:
    """That an encoder sees: two frames of a video make one patch in time."""
    return 1e6 * (f.image_mpixels + f.video_mpixels / 2.0)


def _limited(f: Facts, c: Constants, time_s: Floats, dynamic_j: Floats) -> tuple[Floats, Floats]:
    """Seconds, stretched where power would pass its limit, and watts of all GPUs."""
    static_w = c.static_share * f.limit_w
    stretched_s = _soft(time_s, dynamic_j / (f.limit_w - static_w), 8.0)
    return stretched_s, f.gpus * (static_w + dynamic_j / stretched_s)


def _soft(a: Floats, b: Floats, p: Floats | float) -> Floats:
    """(a^p + b^p)^(1/p): at least the larger, at most their sum for p >= 1."""
    high, low = np.maximum(a, b), np.minimum(a, b)
    result: Floats = high * (1.0 + (low / np.maximum(high, 1e-300)) ** p) ** (1.0 / p)
    return result
