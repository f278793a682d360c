"""MixLLM: a few output features of the whole model in 8 bits, the others in 4."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from picojoule.formats import Int
from picojoule.papers import digits
from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.quantize import LayerPlan, Quantize, Quantizer, Subset

_LAYERS, _SHARE = ("0", "2", "4", "6"), 0.2
_FINE, _COARSE = Quantizer(Int(8, narrow=True)), Quantizer(Int(2, narrow=True))


def check(data: Path | None) -> list[Finding]:
    """2 bits, with 8 for 20% of the output features: ranked in one list, by layer, or at random."""
    runs = [_accuracies(seed) for seed in (0, 1, 2)]
    a = {way: float(np.mean([run[way] for run in runs])) for way in runs[0]}
    tenth = Subset(tuple(range(10)), Quantizer(Int(8)), Quantizer(Int(4)))
    return [
        Finding("mean bits at 10% of int8 and 90% of int4", 4.4,
                tenth.bits_per_element((100, 10**6)), "", 1e-4),
        *(Finding(f"{score}: one list over {other}", 0, a[score] - a[key], "pt", 0, ">=")
          for score in ("MixLLM score", "Fisher")
          for other, key in (("by layer", f"{score}, by layer"), ("random", "random"))),
        Finding("MixLLM score over a Fisher diagonal, both in one list", 0,
                a["MixLLM score"] - a["Fisher"], "pt", 0, ">=",
                note=f"{a['MixLLM score']:.1f}% against {a['Fisher']:.1f}%: one list helps, this "
                "score does not"),
    ]  # fmt: skip


def _accuracies(seed: int) -> dict[str, float]:
    import torch

    task = digits.task(seed)
    model = digits.train(digits.perceptron(seed, (64, 128, 128, 128, 10)), task, seed, epochs=20)
    weights = [model[int(name)].weight for name in _LAYERS]
    change = [torch.as_tensor(_COARSE.quantize(w.detach().numpy())) - w.detach() for w in weights]
    scores: dict[str, list[Any]] = {"MixLLM score": [], "Fisher": []}
    for i in range(300):
        loss = torch.nn.functional.cross_entropy(model(task[0][i : i + 1]), task[2][i : i + 1])
        gradients = torch.autograd.grad(loss, weights)
        first = [(g * d).sum(dim=1) for g, d in zip(gradients, change, strict=True)]
        scores["MixLLM score"].append([(f + f**2 / 2).abs() for f in first])
        scores["Fisher"].append([(g**2 * d**2).sum(dim=1) / 2
                                 for g, d in zip(gradients, change, strict=True)])  # fmt: skip
    found = {}
    for name, samples in scores.items():
        total = [sum(parts).numpy() for parts in zip(*samples, strict=True)]
        found[name] = _globally(total)
        found[f"{name}, by layer"] = [_largest(s, round(_SHARE * len(s))) for s in total]
    rng = np.random.default_rng(seed)
    found["random"] = _globally([rng.random(len(w)) for w in weights])
    return {way: digits.accuracy(_quantized(model, kept), task) for way, kept in found.items()}


def _globally(scores: list[np.ndarray]) -> list[tuple[int, ...]]:
    """The same share of all outputs, ranked in one list."""
    every = np.concatenate(scores)
    least = np.sort(every)[-round(_SHARE * len(every))]
    return [tuple(np.flatnonzero(s >= least).tolist()) for s in scores]


def _largest(score: np.ndarray, count: int) -> tuple[int, ...]:
    return tuple(np.argsort(-score)[:count].tolist())


def _quantized(model: Any, kept: list[tuple[int, ...]]) -> Any:
    plan = {
        name: LayerPlan(Subset(fine, _FINE, _COARSE))
        for name, fine in zip(_LAYERS, kept, strict=True)
    }
    return Quantize().apply(model, plan)


PAPER = Paper(
    name="mixllm",
    row=171,
    title="MixLLM: LLM quantization with global mixed-precision between output-features and "
    "highly-efficient system design",
    source="Zheng et al., arXiv 2412.14590; ranking on digits, not on language models",
    claim="Ranking the output features of all layers in one list beats a share of each layer.",
    composition="Subset(Int(8) | Int(2)) × one ranking of gδ + ½(gδ)²",
    verdict=Verdict.PARTLY,
    check=check,
    needs=("torch", "sklearn"),
    seconds=8,
)
