"""Language models by their published configuration: what decides their work per token.

The facts lie in `models/*.toml`, one entry an architecture, each with its source. Parameters are
counted from them, so that a wrong fact shows as a disagreement with the published total.
"""

from __future__ import annotations

import functools
import tomllib
from importlib import resources

import msgspec

from picojoule.errors import InputError, nearest

__all__ = ["Architecture", "architecture", "architectures"]


class Architecture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One decoder.

    ids: names on the Hugging Face hub that share it. total_b, active_b: published parameters, in
    billions. layers: blocks, of which attention_layers, mlp_layers and mamba_layers have these
    parts (all blocks have attention and an MLP where they are not given). intermediate: width of
    a dense MLP; gated: it has three matrices, not two. window, windowed_layers: attention
    that looks back `window` tokens only. experts ... shared_intermediate: mixture of experts in
    all MLPs but `dense_layers`. q_rank ... value_dim: multi-head latent attention
    (arXiv 2405.04434, section 2.1). mamba_*: Mamba-2 layers (arXiv 2405.21060) or linear
    attention with a state of the same shape. vision_b: encoder parameters, billions;
    pixels_per_token: of an image at its own size; image_tokens: where every image has as many.
    video_frames: those that its processor takes of a clip of 32 frames in one second.
    precision: of the released weights, where the name does not say FP8.
    kept_16bit: parts that the 8- or 4-bit release leaves in bfloat16. block_rows: the 8-bit release
    has scales per block (weight_block_size), whose grouped kernels fill so many rows per expert.
    fused_experts: GPUs on which vLLM has one fused kernel for these experts (FlashInfer).
    """

    ids: tuple[str, ...]
    source: str
    total_b: float
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    intermediate: int = 0
    gated: bool = True
    tied: bool = False
    active_b: float | None = None
    attention_layers: int = -1
    mlp_layers: int = -1
    window: int = 0
    windowed_layers: int = 0
    dense_layers: int = 0
    experts: int = 0
    active_experts: int = 0
    expert_intermediate: int = 0
    shared_intermediate: int = 0
    q_rank: int = 0
    kv_rank: int = 0
    nope_dim: int = 0
    rope_dim: int = 0
    value_dim: int = 0
    mamba_layers: int = 0
    mamba_heads: int = 0
    mamba_head_dim: int = 0
    mamba_state: int = 0
    mamba_groups: int = 0
    vision_b: float = 0.0
    pixels_per_token: float = 0.0
    image_tokens: int = 0
    video_frames: int = 32
    precision: str = "bfloat16"
    kept_16bit: tuple[str, ...] = ()
    block_rows: int = 0
    fused_experts: tuple[str, ...] = ()

    @property
    def attentions(self) -> int:
        """Layers with softmax attention."""
        return self.layers if self.attention_layers < 0 else self.attention_layers

    @property
    def moe_layers(self) -> int:
        """Layers with experts."""
        return self._mlps - self.dense_layers if self.experts else 0

    @property
    def dense_mlps(self) -> int:
        """Layers with a dense MLP."""
        return self._mlps - self.moe_layers

    @property
    def _mlps(self) -> int:
        return self.layers if self.mlp_layers < 0 else self.mlp_layers

    @property
    def attention_parameters(self) -> float:
        """Of one layer. Latent attention: arXiv 2405.04434, equations 9 to 19."""
        if self.kv_rank:
            query = self.heads * (self.nope_dim + self.rope_dim)
            into = self.q_rank * (self.hidden + query) if self.q_rank else self.hidden * query
            latent = self.hidden * (self.kv_rank + self.rope_dim)
            up = self.kv_rank * self.heads * (self.nope_dim + self.value_dim)
            return into + latent + up + self.heads * self.value_dim * self.hidden
        return 2.0 * self.hidden * self.head_dim * (self.heads + self.kv_heads)

    @property
    def mamba_parameters(self) -> float:
        """Projections of one layer: gate, input, B, C, step into, and out (arXiv 2405.21060)."""
        inner = self.mamba_heads * self.mamba_head_dim
        into = 2 * inner + 2 * self.mamba_groups * self.mamba_state + self.mamba_heads
        return float(self.hidden * (into + inner))

    @property
    def dense_parameters(self) -> float:
        """Of one dense MLP."""
        return float((2 + self.gated) * self.hidden * self.intermediate)

    @property
    def expert_parameters(self) -> float:
        """Of one expert."""
        return float((2 + self.gated) * self.hidden * self.expert_intermediate)

    @property
    def shared_parameters(self) -> float:
        """Of the shared experts and the router of one layer."""
        shared = (2 + self.gated) * self.hidden * self.shared_intermediate
        return float(shared + self.hidden * self.experts)

    @property
    def head_parameters(self) -> float:
        """Of the matrix from hidden state to vocabulary."""
        return float(self.hidden * self.vocab)

    @property
    def parameters(self) -> float:
        """All, as published totals count them."""
        embedding = 0.0 if self.tied else self.head_parameters
        return self._multiplied(self.experts) + embedding + 1e9 * self.vision_b

    @property
    def active_parameters(self) -> float:
        """Those that multiply each token: no embedding, no encoder, `active_experts` experts."""
        return self._multiplied(self.active_experts)

    def _multiplied(self, experts: int) -> float:
        return (
            self.attentions * self.attention_parameters
            + self.mamba_layers * self.mamba_parameters
            + self.dense_mlps * self.dense_parameters
            + self.moe_layers * (experts * self.expert_parameters + self.shared_parameters)
            + self.head_parameters
        )

    @property
    def kv_elements(self) -> float:
        """Of one token in one attention layer."""
        if self.kv_rank:
            return float(self.kv_rank + self.rope_dim)
        return 2.0 * self.kv_heads * self.head_dim

    @property
    def state_elements(self) -> float:
        """Of one sequence in one Mamba layer."""
        return float(self.mamba_heads * self.mamba_head_dim * self.mamba_state)


class _File(msgspec.Struct, forbid_unknown_fields=True):
    model: list[Architecture]


@functools.cache
def architectures() -> dict[str, Architecture]:
    """Model id -> architecture."""
    found: dict[str, Architecture] = {}
    folder = resources.files("picojoule.calibrate.llm") / "models"
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".toml"):
            told = msgspec.convert(tomllib.loads(file.read_text("utf-8")), _File)
            found.update({name: entry for entry in told.model for name in entry.ids})
    return found


def architecture(model_id: str) -> Architecture:
    """The architecture of a model. Raises InputError with the nearest ids."""
    known = architectures()
    if model_id not in known:
        raise InputError(f"unknown model {model_id!r}", fix=_nearest(model_id, known))
    return known[model_id]


def _nearest(model_id: str, known: dict[str, Architecture]) -> str:
    """`nearest` compares in lower case, ids have capitals."""
    lower = {name.lower(): name for name in known}
    line = nearest(model_id[:200], lower)
    if not line.startswith("did you mean"):
        return f"describe it in models/*.toml ({len(known)} ids are)"
    close = line.removeprefix("did you mean ").removesuffix("?").split(" or ")
    return "did you mean " + " or ".join(lower[name] for name in close) + "?"
