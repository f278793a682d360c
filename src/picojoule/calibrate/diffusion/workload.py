"""What a diffusion model computes: multiply-adds and activations, from its public configuration.

A pipeline is a denoiser that runs once or twice a step, a decoder from latents to pixels, and
text encoders. Everything is counted for one image or video; one MAC is two FLOPs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, prod

__all__ = ["Block", "Counts", "Decoder", "Pipeline", "Stage", "counts"]


@dataclass(frozen=True, slots=True)
class Block:
    """Equal layers of a diffusion transformer.

    layers: how many. width: of the hidden state, in heads of `head_width`. token_weights,
    text_weights: weights that one latent token and one text token are multiplied with in a
    layer, so MACs a token. attention: "joint" (text tokens join the sequence), "cross" (latents
    to latents, then latents to text), or "linear" (as cross, with the first linear in the
    sequence). attentions: self attentions a layer. extras: activations a token, in widths, that
    are written besides the outputs of matrices: queries and keys normalised or rotated.
    """

    layers: int
    width: int
    head_width: int
    token_weights: float
    text_weights: float
    attention: str
    attentions: int = 1
    extras: float = 0.0

    def attention_macs(self, tokens: int, text: int) -> float:
        """Both products of attention, for one sample in one layer: 2 L² width."""
        length = tokens + text if self.attention == "joint" else tokens
        within = 2.0 * length * self.width
        within *= self.head_width if self.attention == "linear" else length
        across = 0.0 if self.attention == "joint" else 2.0 * tokens * text * self.width
        return self.attentions * within + across

    def written(self, tokens: int) -> float:
        """Numbers that a layer writes for one sample: a width for each width² of weights."""
        return tokens * (self.token_weights / self.width + self.extras * self.width)


@dataclass(frozen=True, slots=True)
class Stage:
    """One resolution of a decoder.

    width: channels. scale: side of a position in output pixels. stride: the same in frames.
    blocks: residual blocks of two convolutions. pointwise: 1x1 weights a position besides.
    """

    width: int
    scale: int
    stride: int = 1
    blocks: int = 3
    pointwise: float = 0.0


@dataclass(frozen=True, slots=True)
class Decoder:
    """Latents to pixels. name: models with one name share the decoder's code.

    stages: from the latent to the pixel. taps: of a convolution, 9 flat or 27 in time.
    """

    name: str
    stages: tuple[Stage, ...]
    taps: int = 9

    def macs(self, height: int, width: int, frames: int = 1) -> float:
        """Convolutions for one image or video: residual blocks, and one that joins two stages."""
        pixels = float(height * width * frames)
        total, before = pixels * self.stages[-1].width * 3 * self.taps, self.stages[0].width
        for i, stage in enumerate(self.stages):
            weights = self.taps * stage.width * (2 * stage.blocks * stage.width)
            weights += self.taps * stage.width * (before - stage.width)  # the first one is wider
            weights += 9 * before**2 * (i > 0)
            total += pixels / (stage.scale**2 * stage.stride) * (weights + stage.pointwise)
            before = stage.width
        return total


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A public text-to-image or text-to-video model.

    family: models that share the denoiser's code. guidance: denoiser passes a step (2 with
    classifier-free guidance, 1 where guidance is distilled or absent). sequential: these passes
    run one after the other instead of as one batch. squeeze: (frames, height, width) of a latent
    position; patch: of a token in latent positions. text_tokens: as padded. text_weights: of all
    text encoders. steps, size (frames, height, width): defaults of the model card. source: where
    the configuration is published.
    """

    family: str
    blocks: tuple[Block, ...]
    decoder: Decoder
    text_tokens: int
    text_weights: float
    steps: int
    source: str
    size: tuple[int, int, int] = (1, 1024, 1024)
    guidance: int = 2
    squeeze: tuple[int, int, int] = (1, 8, 8)
    patch: tuple[int, int, int] = (1, 2, 2)
    sequential: bool = False

    def tokens(self, frames: int, height: int, width: int) -> int:
        """Latent tokens of one sample; a causal decoder keeps the first frame."""
        time = (frames - 1) // self.squeeze[0] + 1
        sides = (time, height / self.squeeze[1], width / self.squeeze[2])
        return prod(ceil(side / patch) for side, patch in zip(sides, self.patch, strict=True))

    @property
    def heads(self) -> int:
        """Attention heads, over which Ulysses parallelism splits."""
        return self.blocks[0].width // self.blocks[0].head_width


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one image or video on each of `gpus` GPUs, over all steps and passes.

    linear_macs, attention_macs: of the denoiser. exponentials: of its softmax. written: numbers
    that its layers write. hidden: tokens × width over all self attentions, what they exchange.
    layers, attentions: runs, whatever the batch. decode_macs, text_macs: of the decoder and the
    text encoders, which are not split: every GPU does it all.
    """

    linear_macs: float
    attention_macs: float
    exponentials: float
    written: float
    hidden: float
    layers: float
    attentions: float
    decode_macs: float
    text_macs: float


@lru_cache(maxsize=4096)
def counts(pipe: Pipeline, size: tuple[int, int, int], steps: int, gpus: int = 1) -> Counts:
    """Work of each GPU for one sample of `size` (frames, height, width).

    Sequence parallelism splits latent tokens. Text tokens are split only where they join the
    sequence and their number divides (xDiT, arXiv 2411.01738); else every GPU has them all.
    """
    n, text, blocks = pipe.tokens(*size), pipe.text_tokens, pipe.blocks
    joint = blocks[0].attention == "joint"
    own_text = text / gpus if joint and text % gpus == 0 else float(text)
    queries = (n / gpus + own_text) / (n + text) if joint else 1.0 / gpus
    passes = steps * pipe.guidance
    runs = steps * (pipe.guidance if pipe.sequential else 1)
    attention = [b.layers * b.attention_macs(n, text) for b in blocks]
    scores = [a / b.head_width for a, b in zip(attention, blocks, strict=True)]
    linear = sum(
        b.layers * (n / gpus * b.token_weights + own_text * b.text_weights) for b in blocks
    )
    return Counts(
        linear_macs=passes * linear,
        attention_macs=passes * queries * sum(attention),
        exponentials=passes * queries * sum(scores),
        written=passes * sum(b.layers * b.written(n) for b in blocks) / gpus,
        hidden=passes * sum(float(b.layers * b.attentions * b.width) for b in blocks) * n / gpus,
        layers=float(runs * sum(b.layers for b in blocks)),
        attentions=float(runs * sum(b.layers * b.attentions for b in blocks)),
        decode_macs=pipe.decoder.macs(size[1], size[2], size[0]),
        text_macs=pipe.guidance * text * pipe.text_weights,
    )
