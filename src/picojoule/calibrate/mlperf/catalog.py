"""Datasheet facts of accelerators, host processors and benchmark networks of MLPerf Inference.

They are nominal: what the fit learns is how far whole systems are from them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["ACCELERATORS", "HOSTS", "NETWORKS", "Accelerator", "Host", "Network", "look_up"]


@dataclass(frozen=True, slots=True)
class Accelerator:
    """Dense rates in tera-operations a second (a MAC is two), and the power limit of one board.

    pattern: of accelerator_model_name. family: of chips that run the same kernels.
    """

    name: str
    pattern: str
    family: str
    power_w: float
    int8_tops: float
    fp16_tflops: float
    source: str


@dataclass(frozen=True, slots=True)
class Host:
    """A host processor. power_w: TDP of a socket. pattern: of host_processor_model_name."""

    name: str
    pattern: str
    power_w: float


@dataclass(frozen=True, slots=True)
class Network:
    """macs: of one sample, at dense weights. tokens: a query's mean outputs, where they count."""

    name: str
    pattern: str
    macs: float
    source: str
    tokens: float = 1.0


def _accelerators(source: str, rows: str) -> Iterable[Accelerator]:
    for row in rows.strip().splitlines():
        name, pattern, family, watts, tops, tflops = row.split()
        yield Accelerator(name, pattern, family, float(watts), float(tops), float(tflops), source)


# The first pattern that is found wins, so the special ones come first. `.` stands for a space.
ACCELERATORS = (
    *_accelerators("NVIDIA datasheets, dense rates; re-read: docs/sources.md", """
        H100-NVL h100.nvl hopper 400 1671 835
        H100-PCIe h100.*pcie hopper 350 1513 756
        H100-SXM h100 hopper 700 1979 989
        GH200 gh200|grace.hopper hopper 900 1979 989
        H200 h200 hopper 700 1979 989
        B200 b200 blackwell 1000 4500 2250
        A100-PCIe-80GB a100.pcie.80 ampere 300 624 312
        A100-PCIe-40GB a100.pcie ampere 250 624 312
        A100-SXM-80GB-CTS a100.*80.*cts ampere 500 624 312
        A100-SXM-80GB a100.*80 ampere 400 624 312
        A100-SXM-40GB a100 ampere 400 624 312
        A30 \\ba30\\b ampere 165 330 165
        A40 \\ba40\\b ampere 300 299 150
        A16 \\ba16\\b ampere 250 143 72
        A10 \\ba10\\b ampere 150 250 125
        A2 \\ba2\\b ampere 60 36 18
        T4 \\bt4\\b turing 70 130 65
        RTX-4090 4090 ada 450 661 330
        L40S l40s ada 350 733 366
        L40 \\bl40\\b ada 300 362 181
        L4 \\bl4\\b ada 72 242 121"""),
    *_accelerators("NVIDIA Jetson datasheets: half of the sparse rate, highest power mode", """
        Orin-Nano orin.nano orin 15 20 10
        Orin-NX orin.nx orin 25 50 15
        AGX-Orin orin orin 60 138 42
        Xavier-NX xavier.nx xavier 20 21 6
        AGX-Xavier xavier xavier 30 32 11"""),
    # The submitted system files have the cores (on-chip memory is 9 MB each) and watts of Lite.
    *_accelerators("Qualcomm Cloud AI 100: up to 400 TOPS on 16 cores; Standard 14, Lite 9", """
        QAIC-Pro ai.100.*pro qaic 75 400 200
        QAIC-Standard ai.100.*(standard|std) qaic 75 350 175
        QAIC-Lite ai.100.*lite qaic 55 225 112"""),
    *_accelerators("Qualcomm DM.2 boards: power published, rates assumed (lower clocks)", """
        QAIC-DM.2e dm\\.2e qaic 15 80 40
        QAIC-DM.2 dm\\.2 qaic 25 150 75"""),
    *_accelerators("Untether AI at Hot Chips 34: 2 PFLOP/s in FP8, half in BF16; 75 W card", """
        speedAI240-Slim speedai untether 75 2000 1000"""),
    *_accelerators("Rockchip RK3588: 6 TOPS on 3 cores; power and 16-bit rate assumed", """
        RK3588-NPU npu rockchip 2 2 1"""),
    *_accelerators("Neuchips and SiMa.ai: datasheets not re-read", """
        RecAccel-N3000 recaccel neuchips 55 200 50
        MLSoC mlsoc sima 10 50 10"""),
)  # fmt: skip

# TDP from the makers' product pages; all but Altra as CodeCarbon 3.3 lists them.
HOSTS = (
    Host("EPYC-7742", "epyc 7742", 225),
    Host("EPYC-7763", "epyc 7763", 280),
    Host("EPYC-7713", "epyc 7713", 225),
    Host("EPYC-7542", "epyc 7542", 225),
    Host("EPYC-7452", "epyc 7452", 155),
    Host("EPYC-7282", "epyc 7282", 120),
    Host("EPYC-9124", "epyc 9124", 200),
    Host("EPYC", r"epyc (7|9)\w+", 240),
    Host("Xeon-8480C", "8480", 350),
    Host("Xeon-8470", "8470", 350),
    Host("Xeon-8452Y", "8452", 300),
    Host("Xeon-8352V", "8352", 195),
    Host("Xeon-8351N", "8351", 225),
    Host("Xeon-6448Y", "6448", 225),
    Host("Xeon-6312U", "6312", 185),
    Host("Xeon-6258R", "6258", 205),
    Host("Xeon-5423N", "5423", 145),
    Host("Xeon-5318N", "5318", 150),
    Host("Xeon-4216", "4216", 100),
    Host("Xeon-D-2776NT", "2776", 117),
    Host("Xeon-D-2166NT", "2166", 85),
    Host("Xeon", r"xeon", 200),
    Host("Altra-Q80-30", "q80-30", 210),
    Host("Altra", r"altra", 210),
    Host("Ryzen-7950X", "7950x", 170),
)

_MLPERF = "MLPerf Inference reference models"
_BERT = "encoder weights × 384 tokens (arXiv 1810.04805, table of sizes)"
NETWORKS = (
    Network("resnet", r"resnet(-?50)?", 4.1e9, "arXiv 1512.03385, v1.5"),
    Network("ssd-resnet34", r"ssd-?resnet-?34", 216e9, "MLPerf v1.1, 1200 × 1200: 433 GFLOPs"),
    Network(
        "retinanet", r"retinanet", 150e9, "ResNeXt-50 at 800 × 800, as RetinaNet of torchvision"
    ),
    Network("rnnt", r"rnnt", 7e9, "LSTMs of 1024, two at 33 Hz and three at 17 Hz, for 7.2 s"),
    Network("3d-unet-99", r"3d-unet-99(\.9)?", 3e13, "4.7e11 a window of 128³; about 64, assumed"),
    Network("dlrm-v2-99", r"dlrm-v2-99", 3e9, f"{_MLPERF}; nominal, bound by memory"),
    Network("dlrm-v2-99.9", r"dlrm-v2-99\.9", 3e9, f"{_MLPERF}; nominal, bound by memory"),
    Network("dlrm-99", r"dlrm-99(\.9)?", 2.5e8, f"{_MLPERF}; nominal, bound by memory"),
    Network("gptj-99", r"gptj-99(\.9)?", 5.4e12, "6e9 weights × 900 tokens, mean of CNN/DailyMail"),
    Network("llama2-70b-99", r"llama2-70b-99(\.9)?", 1.4e11, "70e9 weights × 2 a token", 294.45),
    Network("mixtral-8x7b", r"mixtral-8x7b.*", 2.6e10, "13e9 active weights × 2 a token", 145.9),
    Network("sdxl", r"stable-diffusion-xl", 1.2e14, "20 steps × 2 × 3e12, 1024 × 1024"),
    Network("bert-99", r"bert-99", 1.23e11, f"BERT-large: {_BERT}"),
    Network("bert-99.9", r"bert-99\.9", 1.23e11, f"BERT-large in 16 bits: {_BERT}"),
    Network("huggingface-bert", r"huggingface-bert", 1.23e11, f"BERT-large: {_BERT}"),
    Network("distilbert", r"distilbert.*", 1.8e10, f"half of BERT-base: {_BERT}"),
    Network("mobilebert", r"mobilebert.*", 8e9, "5.7 GFLOPs at 128 tokens (arXiv 2004.02984)"),
    Network("bert-base", r"o?bert-base.*", 3.5e10, f"BERT-base: {_BERT}"),
    Network("bert-large", r"o?bert-large.*|bert_pruned.*", 1.23e11, f"BERT-large: {_BERT}"),
)


T = TypeVar("T", Accelerator, Host)


def look_up(name: str, known: Iterable[T]) -> T | None:
    """The entry whose pattern is found in a name, ignoring case."""
    return next((one for one in known if re.search(one.pattern, name, re.IGNORECASE)), None)
