"""CPTQuant: which layers get few bits, by sensitivities that it proposes."""

from __future__ import annotations

import copy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from picojoule.allocate import allocate
from picojoule.allocate.sensitivity import fisher, measured_drop, prune_curve
from picojoule.formats import Int
from picojoule.papers import digits
from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.quantize import LayerPlan, Quantize, Quantizer
from picojoule.transforms.quantize.scale import minmax, mse

_LAYERS, _BITS = ("0", "2", "4", "6"), (2, 4)
_WAYS = ("prune curve", "Fisher", "loss of one layer", "all 2", "all 3", "all 2, mse scale")


def check(data: Path | None) -> list[Finding]:
    """{2, 4} bits at 3 on average, by three sensitivities, beside uniform 2 and 3 bits."""
    runs = [_accuracies(seed) for seed in (0, 1, 2)]
    a = {way: float(np.mean([run[way] for run in runs])) for way in _WAYS}
    mixed = {way: a[way] for way in _WAYS[:3]}
    return [
        *(Finding(f"{way}: mixed over uniform 2-bit", 0, value - a["all 2"], "pt", 0, ">=")
          for way, value in mixed.items()),
        *(Finding(f"{way}: mixed over uniform 3-bit", 0, value - a["all 3"], "pt", 0, ">=",
                  note=f"{value:.1f}% against {a['all 3']:.1f}%: offer the middle width too")
          for way, value in mixed.items()),
        Finding("uniform 2-bit with a searched scale over the mixes", 0,
                a["all 2, mse scale"] - max(mixed.values()), "pt", 0, ">="),
    ]  # fmt: skip


def _accuracies(seed: int) -> dict[str, float]:
    import torch

    task = digits.task(seed)
    model = digits.train(digits.perceptron(seed, (64, 128, 128, 128, 10)), task, seed, epochs=20)
    weights = [model[int(name)].weight for name in _LAYERS]
    changes = [
        [torch.as_tensor(_narrow(b).quantize(w.detach().numpy())) - w.detach() for b in _BITS]
        for w in weights
    ]

    def loss(rows: Any, net: Any = model) -> Any:
        return torch.nn.functional.cross_entropy(net(task[0][rows]), task[2][rows])

    def rise(net: Any) -> float:
        with torch.no_grad():
            return float(loss(slice(None), net)) - float(loss(slice(None)))

    def pruned(unit: int, sparsity: float) -> float:
        net = copy.deepcopy(model)
        weight = net[int(_LAYERS[unit])].weight.data.view(-1)
        weight[weight.abs().argsort()[: round(sparsity * len(weight))]] = 0
        return rise(net)

    def one(unit: int, option: int) -> float:
        return -rise(_quantized(model, {_LAYERS[unit]: _BITS[option]}))

    sensitivity = {
        "prune curve": prune_curve(pruned, weights, changes),
        "Fisher": fisher(loss, [slice(i, i + 1) for i in range(300)], weights, changes),
        "loss of one layer": measured_drop(one, 0.0, len(_LAYERS), len(_BITS)),
    }
    size = np.array([w.numel() for w in weights], float)
    cost = (size[:, None] * _BITS)[..., None]
    found = {}
    for way, s in sensitivity.items():
        choice = allocate(s, cost, np.array([3 * size.sum()]))
        found[way] = {n: _BITS[o] for n, o in zip(_LAYERS, choice.options, strict=True)}
    found |= {"all 2": dict.fromkeys(_LAYERS, 2), "all 3": dict.fromkeys(_LAYERS, 3)}
    accuracy = {way: digits.accuracy(_quantized(model, bits), task) for way, bits in found.items()}
    searched = _quantized(model, found["all 2"], partial(mse))
    return accuracy | {"all 2, mse scale": digits.accuracy(searched, task)}


def _narrow(bits: int, rule: Any = minmax) -> Quantizer:
    return Quantizer(Int(bits, narrow=True), rule)


def _quantized(model: Any, bits: dict[str, int], rule: Any = minmax) -> Any:
    return Quantize().apply(model, {n: LayerPlan(_narrow(b, rule)) for n, b in bits.items()})


PAPER = Paper(
    name="cptquant",
    row=51,
    title="CPTQuant: a novel mixed precision post-training quantization techniques for large "
    "language models",
    source="Nanda et al., arXiv 2412.03599; on digits, not on language models",
    claim="Bits by layer sensitivity compress further at the same accuracy.",
    composition="Int(2|4) × minmax × per tensor; prune curve | Fisher | measured × ILP",
    verdict=Verdict.PARTLY,
    check=check,
    needs=("torch", "sklearn"),
    seconds=8,
)
