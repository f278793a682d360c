"""A fixed zoo of small graphs on a fixed chip: replaying their ledgers proves a refactor.

The chip is not of the catalogue, so that a better constant there changes nothing here.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn

import picojoule as pj
from picojoule.graph import Graph

CHIP = Path(__file__).parent / "chip.toml"

LLM = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100,
    "tie_word_embeddings": False,
}  # fmt: skip
MOE = LLM | {"model_type": "mixtral", "num_local_experts": 4, "num_experts_per_tok": 2}


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(8, 4),
    )  # fmt: skip


def attention() -> nn.Module:
    return nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)


IMAGE, TOKENS = torch.zeros(1, 3, 16, 16), torch.zeros(2, 5, 16)


def onnx_cnn() -> Graph:
    """The same CNN through an ONNX file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "cnn.onnx"
        program = torch.onnx.export(cnn().eval(), (IMAGE,), dynamo=True, verbose=False)
        program.save(str(path))
        return pj.trace(path)


ZOO = {
    "cnn": lambda: pj.trace(cnn().eval(), IMAGE),
    "cnn-training": lambda: pj.trace(cnn(), IMAGE, training=True, optimizer="adamw"),
    "attention": lambda: pj.trace(attention().eval(), TOKENS),
    "onnx-cnn": onnx_cnn,
    "llm": lambda: pj.trace(LLM, batch=2, prompt=7, context=9),
    "moe": lambda: pj.trace(MOE, batch=2, prompt=7),
}
