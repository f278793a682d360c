"""MELT: the bits per parameter of language models on phones follow from their formats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from picojoule.formats import FP16, FP32, Int
from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.quantize import Group, Quantizer

# bytes·8 / parameters of the files that the study ran.
_LLAMA = {"q3_k": 3.92, "q4_0": 4.55, "AWQ": 4.62, "q4_k": 4.84}
_MISTRAL_Q4_0 = 4.54
_Q4_0 = Quantizer(Int(4), granularity=Group(32), scale_format=FP16)
_AWQ = Quantizer(Int(4, signed=False), granularity=Group(128), scale_format=FP16)


def k_quant(bits: int, groups: int, scale_bits: int, floats: int) -> float:
    """Bits per weight of llama.cpp's blocks of 256: integers, scales of groups, fp16 above."""
    return bits + (groups * scale_bits + floats * 16) / 256


_Q3_K, _Q4_K = k_quant(3, 16, 6, 1), k_quant(4, 8, 12, 2)  # 12: a scale and a minimum of 6 bits
_Q5_K, _Q6_K = k_quant(5, 8, 12, 2), k_quant(6, 16, 8, 1)


def check(data: Path | None) -> list[Finding]:
    """Each file from the formats of its tensors, within 1%."""
    q4_0, awq = (q.bits_per_element((4096, 4096)) for q in (_Q4_0, _AWQ))
    formats = {  # of words, head, values and down, attention's output, the rest
        "q3_k": (_Q3_K, _Q6_K, _mix(2, _Q5_K, _Q4_K), _Q4_K, _Q3_K),
        "q4_0": (q4_0, _Q6_K, q4_0, q4_0, q4_0),
        "AWQ": (16.0, 16.0, awq, awq, awq),
        "q4_k": (_Q4_K, _Q6_K, _mix(16, _Q6_K, _Q4_K), _Q4_K, _Q4_K),
    }
    mistral = bits_per_parameter(formats["q4_0"], keys=1024, inner=14336)
    return [
        *(Finding(f"Llama-2-7B, {name}", p, bits_per_parameter(formats[name]), "bit", 0.01)
          for name, p in _LLAMA.items()),
        Finding("Mistral-7B, q4_0", _MISTRAL_Q4_0, mistral, "bit", 0.01),
    ]  # fmt: skip


def bits_per_parameter(
    bits: Sequence[float], *, keys: int = 4096, inner: int = 11008, width: int = 4096
) -> float:
    """Mean over all tensors of a 32-layer decoder with 32,000 words; norms in float32."""
    words, mixed = 32_000 * width, 32 * width * (keys + inner)
    counts = words, words, mixed, 32 * width * width, 32 * width * (width + keys + 2 * inner)
    norms = 65 * width
    total = sum(n * b for n, b in zip(counts, bits, strict=True)) + norms * FP32.bits_per_element()
    return total / (sum(counts) + norms)


def _mix(layers: int, more: float, less: float) -> float:
    """`layers` of 32 at `more` bits."""
    return (layers * more + (32 - layers) * less) / 32


PAPER = Paper(
    name="melt",
    row=23,
    title="MELTing point: mobile evaluation of language transformers",
    source="Laskaridis et al., MobiCom 2024, arXiv 2403.12844 (model files); tensor formats as "
    "llama.cpp's _M mixtures and AWQ store them",
    claim="What a model on a phone weighs: 3.9 to 4.8 bits per parameter at nominal 3 and 4.",
    composition="Quantizer(Int(4), Group(32 | 128)).bits_per_element over the tensors of a decoder",
    verdict=Verdict.REPRODUCED,
    check=check,
    seconds=0.1,
)
