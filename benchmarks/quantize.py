"""Digits, a 64-256-256-10 perceptron: accuracy and predicted joules of quantised versions.

    python benchmarks/quantize.py            about a minute on one core

Accuracy is the mean of three seeds; joules are of one inference on an stm32l4r5, as predicted.
"""

from __future__ import annotations

from functools import partial

import numpy as np

import picojoule as pj
from picojoule.allocate import with_formats
from picojoule.formats import INT8, Int, MultiBinary, PowSum, Ternary
from picojoule.papers import digits
from picojoule.transforms.quantize import (
    Channel,
    LayerPlan,
    Quantize,
    Quantizer,
    formats_of,
    to_integers,
    uniform,
)
from picojoule.transforms.quantize import estimator as slopes
from picojoule.transforms.quantize import rounding as roundings
from picojoule.transforms.quantize import scale as rules

ROWS = Channel(0)
A8 = Quantizer(INT8)
LSQ2 = Quantizer(Int(2), rules.lsq, ROWS, estimator=slopes.learned_scale, when="learned")
TERNARY = Quantizer(
    Ternary(), partial(rules.mean_abs, beta=4 / 3), ROWS, estimator=slopes.clip, when="dynamic"
)
WEIGHTS = {
    "int8": Quantizer(Int(8, narrow=True), granularity=ROWS),
    "int4, minmax": Quantizer(Int(4), granularity=ROWS),
    "int4, mse": Quantizer(Int(4), rules.mse, ROWS),
    "int2, minmax": Quantizer(Int(2), granularity=ROWS),
    "int2, mse": Quantizer(Int(2), rules.mse, ROWS),
    "int2, mse, learned rounding": Quantizer(Int(2), rules.mse, ROWS, roundings.learned),
    "int2, learned step": LSQ2,
    "powers of two": Quantizer(PowSum(), granularity=ROWS),
    "ternary": TERNARY,
    "binary": Quantizer(MultiBinary(), granularity=ROWS, estimator=slopes.clip),
}
TRAINED = ("int2, learned step", "ternary", "binary")


def main():
    tasks = [digits.task(seed) for seed in range(3)]
    models = [digits.train(digits.perceptron(s), t, s) for s, t in enumerate(tasks)]
    graph, sites = pj.trace(models[0], tasks[0][1][:1]), Quantize().sites(models[0])
    print(
        "| weights, int8 inputs | as it is | after 20 epochs of training | µJ |\n|---|---|---|---|"
    )
    show("float32, float32 inputs", models, tasks, pj.estimate(graph, on="stm32l4r5"))
    for name, weight in WEIGHTS.items():
        plan = uniform(sites, LayerPlan(weight, A8))
        made = [Quantize([t[0]]).apply(m, plan) for m, t in zip(models, tasks, strict=True)]
        ledger = pj.estimate(with_formats(graph, formats_of(plan, sites)), on="stm32l4r5")
        show(name, made, tasks, ledger, train=name in TRAINED)
    integers = [to_integers(m, [t[0]]) for m, t in zip(models, tasks, strict=True)]
    right = [
        n(t[1].numpy()).argmax(1) == t[3].numpy() for n, t in zip(integers, tasks, strict=True)
    ]
    print(f"| int8, run in integers alone | {100 * np.mean(right):.1f} | | |")


def show(name, models, tasks, ledger, *, train=False):
    before = mean_accuracy(models, tasks)
    after = ""
    if train:
        for m, t in zip(models, tasks, strict=True):
            digits.train(m, t, 0, epochs=20, rate=1e-3)
        after = f"{mean_accuracy(models, tasks):.1f}"
    print(f"| {name} | {before:.1f} | {after} | {ledger.total().energy.value * 1e6:.0f} |")


def mean_accuracy(models, tasks):
    return np.mean([digits.accuracy(m, t) for m, t in zip(models, tasks, strict=True)])


if __name__ == "__main__":
    main()
