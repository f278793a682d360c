"""BiBench: eight ways to binarise are eight rows of one table, and what a bit costs on digits."""

from __future__ import annotations

import itertools
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from picojoule.formats import MultiBinary, OpClass, PowSum, Ternary
from picojoule.papers import digits
from picojoule.papers.paper import Finding, Paper, Verdict
from picojoule.transforms.quantize import Channel, LayerPlan, Quantize, Quantizer, Tensor
from picojoule.transforms.quantize.estimator import clip, fourier, identity, quadratic
from picojoule.transforms.quantize.scale import mean_abs, unit

_SIGN, _BIT, _ROWS = Ternary(0.0), MultiBinary(), Channel(0)  # a bit: a sign times mean|w|


def _within_quantile(u: Any, low: float, high: float) -> Any:
    """ReCU clips weights at -E|w| ln(2 - 2τ), 1.2 E|w| for τ = 0.85: no slope beyond."""
    return clip(u, 1.2 * low, 1.2 * high)


# Weights: format × scale rule × granularity × estimator. Inputs are signs in all eight;
# ReActNet's shift of them is the bias of the layer before.
BINARISERS = {
    "BNN": Quantizer(_SIGN, unit, Tensor(), estimator=clip),
    "XNOR-Net": Quantizer(_BIT, granularity=_ROWS, estimator=clip),
    "XNOR-Net++": Quantizer(_SIGN, mean_abs, _ROWS, estimator=clip, when="learned"),
    "DoReFa-Net": Quantizer(_BIT, estimator=identity),
    "Bi-Real": Quantizer(_BIT, granularity=_ROWS, estimator=quadratic),
    "ReActNet": Quantizer(_SIGN, mean_abs, _ROWS, estimator=quadratic, when="dynamic"),
    "ReCU": Quantizer(_SIGN, mean_abs, _ROWS, estimator=_within_quantile, when="dynamic"),
    "FDA": Quantizer(_BIT, granularity=_ROWS, estimator=partial(fourier, terms=3)),
}
_LADDER = {  # accuracy after training, in per cent, by an independent simulation
    "binary": (94.0, Quantizer(_BIT, granularity=_ROWS)),
    "ternary": (96.5, Quantizer(Ternary(), partial(mean_abs, beta=4 / 3), _ROWS)),
    "two binary bases": (97.4, Quantizer(MultiBinary(2), granularity=_ROWS)),
    "powers of two, 5 bits": (98.0, Quantizer(PowSum(), granularity=_ROWS)),
}
_SEEDS, _EPOCHS, _BACK = (0, 1, 2), 3, 97.8


def check(data: Path | None) -> list[Finding]:
    """Storage, operations and trained accuracy of all eight; four formats without training."""
    tasks = [digits.task(seed) for seed in _SEEDS]
    models = [digits.train(digits.perceptron(s), t, s) for s, t in zip(_SEEDS, tasks, strict=True)]
    w = np.random.default_rng(0).normal(size=(1024, 1024))
    ladder = {
        name: float(np.mean([digits.accuracy(_quantized(m, q), t)
                             for m, t in zip(models, tasks, strict=True)]))
        for name, (_, q) in _LADDER.items()
    }  # fmt: skip
    xnor = [q.format.op_class(_SIGN) is OpClass.XNOR_POPCOUNT for q in BINARISERS.values()]
    return [
        Finding("binarisers whose product is one XNOR", 8, sum(xnor)),
        *(Finding(f"float32 over stored bits, {name}", 32, 32 / _stored(w, q), "x", 0.04)
          for name, q in BINARISERS.items()),
        *(Finding(f"accuracy of {name} weights without training", p, ladder[name], "%", 0.01)
          for name, (p, _) in _LADDER.items()),
        Finding("least step up in that order", 0, min(_steps(ladder)), "pt", relation=">="),
        *(Finding(f"accuracy with {name} weights, trained on", _BACK, _trained(models[0], q, tasks),
                  "%", 0.01) for name, q in BINARISERS.items()),
    ]  # fmt: skip


def _stored(w: np.ndarray, quantizer: Quantizer) -> float:
    """Bits per weight as signs and scales, if these hold the quantised values; else NaN."""
    values = quantizer.quantize(w)
    bits = Quantizer(_BIT, granularity=quantizer.granularity)
    same = np.allclose(bits.quantize(values), values, rtol=1e-6)
    return bits.bits_per_element(w.shape) if same else float("nan")


def _quantized(model: Any, quantizer: Quantizer) -> Any:
    """The two hidden layers; the last stays in floats."""
    return Quantize().apply(model, dict.fromkeys(("0", "2"), LayerPlan(quantizer)))


def _steps(ladder: dict[str, float]) -> list[float]:
    return [after - before for before, after in itertools.pairwise(ladder.values())]


def _trained(model: Any, quantizer: Quantizer, tasks: list[digits.Task]) -> float:
    changed = _quantized(model, quantizer)
    return digits.accuracy(digits.train(changed, tasks[0], 0, epochs=_EPOCHS, rate=1e-3), tasks[0])


PAPER = Paper(
    name="bibench",
    row=160,
    title="BiBench: benchmarking and analyzing network binarization",
    source="Qin et al., ICML 2023, arXiv 2301.11233; accuracies on digits by an independent "
    "simulation",
    claim="Eight binarisers differ in scale and estimator alone; all store a bit per weight.",
    composition="{signs, MultiBinary(1)} × {unit, mean|w|, learned} × {tensor, row} × "
    "{identity, clip, quadratic, Fourier}",
    verdict=Verdict.REPRODUCED,
    check=check,
    needs=("torch", "sklearn"),
    seconds=10,
)
