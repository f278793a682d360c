"""Public diffusion models by name: configurations as published with their weights.

Sources: `transformer/config.json`, `vae/config.json` and `model_index.json` of each repository
on Hugging Face, and the paper named beside it. MACs per token follow from the layer's matrices:
attention 4 d², cross attention 2 d² (queries, output), feed-forward 2 d × inner, gated 3 d × inner.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from picojoule.calibrate.diffusion.workload import Block, Decoder, Pipeline, Stage

__all__ = ["MODELS"]

_T5_XXL = 4.76e9  # encoder of T5 v1.1 XXL, arXiv 1910.10683
_UMT5_XXL = 5.68e9  # arXiv 2304.09151, encoder
_MT5_XL = 1.67e9  # arXiv 2010.11934, encoder
_CLIP_L, _CLIP_G = 0.123e9, 0.695e9
_GEMMA_2B = 2.0e9  # arXiv 2408.00118, without embeddings

# Latent diffusion, arXiv 2112.10752: widths 128, 256, 512, 512, three blocks a stage, 8x.
_KL_STAGES = (Stage(512, 8, blocks=5), Stage(512, 4), Stage(256, 2), Stage(128, 1))
_KL4 = Decoder("kl-f8", _KL_STAGES)
_KL16 = Decoder("kl-f8-16", _KL_STAGES)
# DC-AE, arXiv 2410.10733: f32c32, three blocks a stage; the three deepest are efficient attention
# with a gated inverted bottleneck (about 4 + 4 + 8 + 4 = 20 d² a block).
_DC = Decoder(
    "dc-ae-f32",
    (
        Stage(1024, 32, blocks=0, pointwise=3 * 20 * 1024**2),
        Stage(1024, 16, blocks=0, pointwise=3 * 20 * 1024**2),
        Stage(512, 8, blocks=0, pointwise=3 * 20 * 512**2),
        Stage(512, 4),
        Stage(256, 2),
        Stage(128, 1),
    ),
)
# CogVideoX, arXiv 2408.06072: widths 128, 256, 256, 512, four blocks a stage, 4x in time.
_COG = Decoder(
    "cogvideox",
    (Stage(512, 8, 4, 6), Stage(256, 4, 2, 4), Stage(256, 2, 1, 4), Stage(128, 1, 1, 4)),
    27,
)
# HunyuanVideo, arXiv 2412.03603: widths 128, 256, 512, 512, three blocks a stage, 4x in time.
_HUNYUAN = Decoder(
    "hunyuan-video",
    (Stage(512, 8, 4, 5), Stage(512, 4, 2), Stage(256, 2, 1), Stage(128, 1, 1)),
    27,
)
# Wan 2.1, arXiv 2503.20314: base 96, multipliers 1, 2, 4, 4, three blocks a stage.
_WAN = Decoder(
    "wan-2.1",
    (Stage(384, 8, 4, 5), Stage(384, 4, 2), Stage(192, 2, 1), Stage(96, 1, 1)),
    27,
)
_LTX = Decoder(  # arXiv 2501.00103: 32x32x8 squeeze, widths 128 to 512
    "ltx",
    (Stage(512, 32, 8, 4), Stage(512, 16, 4, 3), Stage(256, 8, 2, 3), Stage(128, 4, 1, 3)),
    27,
)
_MOCHI = Decoder(  # genmo/mochi-1-preview: 8x8x6 squeeze, widths 128, 256, 512, 768
    "mochi",
    (Stage(768, 8, 6, 3), Stage(512, 4, 3, 6), Stage(256, 2, 1, 4), Stage(128, 1, 1, 3)),
    27,
)

# Widths written a token where eager code normalises queries and keys (one each), rotates them
# (two each: in 32 bits) and normalises hidden states in 32 bits (two): read off the layers.
_NORM, _ROTATE, _WIDE = 2.0, 4.0, 2.0


def _joint(layers: int, width: int, head: int, extras: float = _NORM) -> Block:
    """Attention 4 d², feed-forward 8 d², a token of either kind, with one set of weights (single
    stream) or one for each kind (two streams, arXiv 2403.03206): the same MACs."""
    return Block(layers, width, head, 12 * width**2, 12 * width**2, "joint", 1, extras)


def _cross(layers: int, width: int, head: int, inner: float, extras: float = 0.0) -> Block:
    """Self attention, cross attention, feed-forward; text gives keys and values."""
    weights = 6 * width**2 + 2 * width * inner
    return Block(layers, width, head, weights, 2 * width**2, "cross", 1, extras)


def _flux(steps: int, source: str) -> Pipeline:
    blocks = (_joint(57, 3072, 128, _NORM + _ROTATE),)  # 19 of two streams, 38 of one
    return Pipeline("flux", blocks, _KL16, 512, _T5_XXL + _CLIP_L, steps, source, guidance=1)


def _sd3(source: str, *blocks: Block, steps: int = 28, guidance: int = 2) -> Pipeline:
    text = _T5_XXL + _CLIP_L + _CLIP_G
    return Pipeline("sd3", blocks, _KL16, 333, text, steps, source, guidance=guidance)


def _sana(layers: int, width: int, source: str, steps: int = 20, guidance: int = 2) -> Pipeline:
    # inner 2.5 width, gated: 5 d² in, 2.5 d² out, and a depthwise 3x3 between them
    weights = 13.5 * width**2 + 45 * width
    block = Block(layers, width, 32, weights, 2 * width**2, "linear", 1, _NORM)
    return Pipeline(
        "sana",
        (block,),
        _DC,
        300,
        _GEMMA_2B,
        steps,
        source,
        guidance=guidance,
        squeeze=(1, 32, 32),
        patch=(1, 1, 1),
    )


def _pixart(source: str) -> Pipeline:
    return Pipeline("pixart", (_cross(28, 1152, 72, 4608),), _KL4, 300, _T5_XXL, 20, source)


def _hunyuan_dit(source: str) -> Pipeline:
    # long skips join two hidden states in half of the layers: 2 d² there, so inner + d / 2
    block = _cross(40, 1408, 88, (4.3637 + 0.5) * 1408, _NORM + _ROTATE + _WIDE)
    return Pipeline("hunyuan-dit", (block,), _KL4, 333, _MT5_XL + 0.35e9, 50, source)


def _video(
    family: str,
    block: Block,
    decoder: Decoder,
    text: tuple[int, float],
    source: str,
    size: tuple[int, int, int],
    *,
    squeeze: tuple[int, int, int] = (4, 8, 8),
    patch: tuple[int, int, int] = (1, 2, 2),
    guidance: int = 2,
    steps: int = 50,
    sequential: bool = False,
) -> Pipeline:
    return Pipeline(
        family,
        (block,),
        decoder,
        *text,
        steps,
        source,
        size,
        guidance,
        squeeze,
        patch,
        sequential,
    )


def _wan(layers: int, width: int, inner: int, source: str) -> Pipeline:
    block = _cross(layers, width, 128, inner, _NORM + _ROTATE + _WIDE)
    size = (81, 480, 832)
    return _video("wan", block, _WAN, (512, _UMT5_XXL), source, size, sequential=True)


def _cog(block: Block, size: tuple[int, int, int], source: str, patch: int = 1) -> Pipeline:
    text, patches = (226, _T5_XXL), (patch, 2, 2)
    return _video("cogvideox", block, _COG, text, source, size, patch=patches)


_SD35_LARGE = _joint(38, 2432, 64)
_COG_5B = _joint(42, 3072, 64, _NORM + _ROTATE)
_SMALL = (49, 480, 720)

MODELS: Mapping[str, Pipeline] = MappingProxyType(
    {
        "black-forest-labs/FLUX.1-dev": _flux(50, "black-forest-labs/FLUX.1-dev"),
        "black-forest-labs/FLUX.1-schnell": _flux(4, "black-forest-labs/FLUX.1-schnell"),
        "stabilityai/stable-diffusion-3-medium-diffusers": _sd3(
            "arXiv 2403.03206, 24 layers", _joint(24, 1536, 64, 0.0)
        ),
        "stabilityai/stable-diffusion-3.5-medium": _sd3(
            "stabilityai/stable-diffusion-3.5-medium: 13 of 24 layers with a second attention",
            Block(13, 1536, 64, 16 * 1536**2, 12 * 1536**2, "joint", 2, 2 * _NORM),
            _joint(11, 1536, 64),
        ),
        "stabilityai/stable-diffusion-3.5-large": _sd3(
            "stabilityai/stable-diffusion-3.5-large", _SD35_LARGE
        ),
        "stabilityai/stable-diffusion-3.5-large-turbo": _sd3(
            "stabilityai/stable-diffusion-3.5-large-turbo", _SD35_LARGE, steps=4, guidance=1
        ),
        "Efficient-Large-Model/SANA1.5_4.8B_1024px_diffusers": _sana(60, 2240, "arXiv 2501.18427"),
        "Efficient-Large-Model/SANA1.5_1.6B_1024px_diffusers": _sana(20, 2240, "arXiv 2501.18427"),
        "Efficient-Large-Model/Sana_1600M_1024px_diffusers": _sana(20, 2240, "arXiv 2410.10629"),
        "Efficient-Large-Model/Sana_600M_1024px_diffusers": _sana(28, 1152, "arXiv 2410.10629"),
        "Efficient-Large-Model/Sana_Sprint_1.6B_1024px_diffusers": _sana(
            20, 2240, "arXiv 2503.09641", 2, 1
        ),
        "Efficient-Large-Model/Sana_Sprint_0.6B_1024px_diffusers": _sana(
            28, 1152, "arXiv 2503.09641", 2, 1
        ),
        "PixArt-alpha/PixArt-Sigma-XL-2-1024-MS": _pixart("arXiv 2403.04692"),
        "PixArt-alpha/PixArt-XL-2-1024-MS": _pixart("arXiv 2310.00426"),
        "Tencent-Hunyuan/HunyuanDiT-v1.2-Diffusers": _hunyuan_dit("arXiv 2405.08748"),
        "Tencent-Hunyuan/HunyuanDiT-v1.1-Diffusers": _hunyuan_dit("arXiv 2405.08748"),
        "Qwen/Qwen-Image": Pipeline(
            "qwen-image",
            (_joint(60, 3072, 128, _NORM + _ROTATE),),
            _KL16,
            256,
            7.6e9,
            50,
            "Qwen/Qwen-Image; arXiv 2508.02324",
            (1, 1328, 1328),
            sequential=True,
        ),
        "Wan-AI/Wan2.1-T2V-1.3B-Diffusers": _wan(30, 1536, 8960, "arXiv 2503.20314"),
        "Wan-AI/Wan2.1-T2V-14B-Diffusers": _wan(40, 5120, 13824, "arXiv 2503.20314"),
        # two experts of 14B, one of which runs in each step
        "Wan-AI/Wan2.2-T2V-A14B-Diffusers": _wan(40, 5120, 13824, "Wan-AI/Wan2.2-T2V-A14B"),
        "tencent/HunyuanVideo": _video(
            "hunyuan-video",
            _joint(60, 3072, 128, _NORM + _ROTATE),  # 20 of two streams, 40 of one
            _HUNYUAN,
            (256, 8.0e9 + _CLIP_L),
            "arXiv 2412.03603",
            (129, 720, 1280),
            guidance=1,
        ),
        "zai-org/CogVideoX-2b": _cog(_joint(30, 1920, 64), _SMALL, "arXiv 2408.06072"),
        "zai-org/CogVideoX-5b": _cog(_COG_5B, _SMALL, "arXiv 2408.06072"),
        "zai-org/CogVideoX1.5-5B": _cog(
            _COG_5B, (81, 768, 1360), "zai-org/CogVideoX1.5-5B: patches of two frames", 2
        ),
        "Lightricks/LTX-Video": _video(
            "ltx",
            _cross(28, 2048, 64, 8192, _NORM + _ROTATE),
            _LTX,
            (128, _T5_XXL),
            "arXiv 2501.00103",
            (161, 512, 704),
            squeeze=(8, 32, 32),
            patch=(1, 1, 1),
        ),
        # the text stream is half as wide: a quarter of the weights, and joint projections
        "genmo/mochi-1-preview": _video(
            "mochi",
            Block(48, 3072, 128, 16 * 3072**2, 4 * 3072**2, "joint", 1, _NORM + _ROTATE),
            _MOCHI,
            (256, _T5_XXL),
            "genmo/mochi-1-preview",
            (84, 480, 848),
            squeeze=(6, 8, 8),
            steps=64,
        ),
    }
)
