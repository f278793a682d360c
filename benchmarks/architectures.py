"""Profile many architectures: work counted, what could not be counted, predicted joules.

python benchmarks/architectures.py        target: uncounted ops 0, or listed
"""

import logging
import time
import warnings

import torch
import transformers as hf

import picojoule as pj
from picojoule.graph import count

warnings.simplefilter("ignore")
logging.getLogger("transformers").setLevel(logging.ERROR)

IMAGE = torch.zeros(1, 3, 224, 224)
TOKENS = torch.zeros(1, 128, dtype=torch.long)
EFFICIENT = hf.EfficientNetConfig(
    image_size=224, width_coefficient=1.0, depth_coefficient=1.0, hidden_dim=1280
)
LLAMA = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008,
    "num_hidden_layers": 32, "num_attention_heads": 32, "vocab_size": 32000,
}  # fmt: skip
MIXTRAL = LLAMA | {
    "model_type": "mixtral", "intermediate_size": 14336, "num_key_value_heads": 8,
    "num_local_experts": 8, "num_experts_per_tok": 2,
}  # fmt: skip

MODULES = {
    "ResNet-50": (lambda: hf.ResNetForImageClassification(hf.ResNetConfig(num_labels=1000)), IMAGE),
    "MobileNetV2": (lambda: hf.MobileNetV2ForImageClassification(hf.MobileNetV2Config()), IMAGE),
    "EfficientNet-B0": (lambda: hf.EfficientNetForImageClassification(EFFICIENT), IMAGE),
    "ConvNeXt-T": (lambda: hf.ConvNextForImageClassification(hf.ConvNextConfig()), IMAGE),
    "ViT-B/16": (lambda: hf.ViTForImageClassification(hf.ViTConfig(num_labels=1000)), IMAGE),
    "Swin-T": (lambda: hf.SwinForImageClassification(hf.SwinConfig()), IMAGE),
    "BERT-base": (lambda: hf.BertModel(hf.BertConfig()), TOKENS),
    "T5-small encoder": (lambda: hf.T5EncoderModel(hf.T5Config()), TOKENS),
    "Whisper encoder": (
        lambda: hf.WhisperModel(hf.WhisperConfig()).encoder, torch.zeros(1, 80, 3000),
    ),
    "Mamba-130M": (
        lambda: hf.MambaForCausalLM(hf.MambaConfig(num_hidden_layers=24, use_cache=False)), TOKENS,
    ),
    "LSTM 2x256": (lambda: torch.nn.LSTM(128, 256, 2, batch_first=True), torch.zeros(1, 100, 128)),
}  # fmt: skip
CONFIGS = {
    "Llama-2-7B prefill 512": (LLAMA, {"prompt": 512}),
    "Llama-2-7B decode at 512": (LLAMA, {"context": 512}),
    "Mixtral-8x7B prefill 512": (MIXTRAL, {"prompt": 512}),
    "Mixtral-8x7B decode at 512": (MIXTRAL, {"context": 512}),
}


def row(name: str, graph: pj.Graph, seconds: float) -> None:
    work, total = count(graph), pj.estimate(graph, on="jetson-agx-orin").total()
    missed = ", ".join(sorted({op.target for op in graph.uncounted})) or "none"
    print(
        f"| {name} | {len(graph.ops)} | {work.macs / 1e9:.2f} | {missed} | {total.coverage:.0%} "
        f"| {total.energy} | {seconds:.2f} |"
    )


def main() -> None:
    print(
        "| model | ops | GMAC | not counted | coverage | energy on jetson-agx-orin | trace, CPU s |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, (build, inputs) in MODULES.items():
        start = time.process_time()
        graph = pj.trace(build, inputs)
        row(name, graph, time.process_time() - start)
    for name, (config, length) in CONFIGS.items():
        start = time.process_time()
        graph = pj.trace(config, **length)
        row(name, graph, time.process_time() - start)


if __name__ == "__main__":
    main()
