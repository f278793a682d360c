"""Formats by layer against one format everywhere: verified accuracy and predicted joules.

    python benchmarks/mixed_formats.py            about ten minutes on one core

The plans are those that `pj optimize --on CHIP` tries: formats by layer at the least measured
damage within budgets of predicted energy. Models and data are those of examples/.
"""

from __future__ import annotations

import importlib
import sys
from collections import Counter
from pathlib import Path

import torch

import picojoule as pj
from picojoule.formats import parse_format
from picojoule.search.damage import damage, layer_plan
from picojoule.search.mixed import layers_of, plans
from picojoule.transforms.quantize import Quantize, bake
from picojoule.verify import judge

CHIPS = ("stm32l4r5", "jetson-agx-orin")
HEAD = "| formats | bits of weights | accuracy | drop, 95% bounds, points | energy | beats |"


def main():
    torch.set_num_threads(1)
    sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
    for name in ("mnist", "minilm"):
        study(name, importlib.import_module(name))


def study(name, spec):
    model = spec.model.eval()
    graph = pj.trace(model, spec.calibration[0])
    sites, others = layers_of(model, graph)
    found = damage(model, [s.name for s in sites], spec.calibration)
    original = spec.evaluate(quiet(model))
    print(f"\n## {name}: {len(sites)} layers, accuracy {original.value:.4f}, n={original.n}")
    print(f"left in float32: {', '.join(others) or 'nothing'}")
    scores = {}
    for chip in CHIPS:
        made = plans(graph, pj.load_chip(chip), sites, found)
        for p in made:
            if p.formats not in scores:
                scores[p.formats] = spec.evaluate(quiet(rounded(spec, p)))
        table(chip, made, scores, original, {s.name: s.shape[0] * s.shape[1] for s in sites})


def rounded(spec, plan):
    layers = {n: layer_plan(f) for n, f in plan.formats}
    return bake(Quantize(spec.calibration).apply(spec.model, layers))


def quiet(model):
    def predict(*inputs):
        with torch.no_grad():
            return model(*inputs)

    return predict


def table(chip, made, scores, original, sizes):
    print(f"\n### {chip}\n{HEAD}\n|---|---|---|---|---|---|")
    for p in sorted(made, key=lambda p: p.energy.value):
        score = scores[p.formats]
        v = judge(original, score, 0.01)
        beaten = [q.name for q in made if q is not p and beats(p, q, scores)]
        print(f"| {p.name}{kinds(p)} | {bits(p, sizes):.2f} | {100 * score.value:.2f}% | "
              f"{100 * v.drop:.2f} [{100 * v.low:.2f} .. {100 * v.high:.2f}] | "
              f"{1e3 * p.energy.value:.6g} mJ | {', '.join(beaten)} |")  # fmt: skip
    for name in ("int8", "int4"):
        against(name, made, scores)


def kinds(plan):
    counts = Counter(f for _, f in plan.formats)
    if len(counts) == 1:
        return ""
    return " (" + ", ".join(f"{n} {f}" for f, n in sorted(counts.items())) + ")"


def bits(plan, sizes):
    held = {n: parse_format(f).bits_per_element() for n, f in plan.formats}
    return sum(held[n] * sizes[n] for n in held) / sum(sizes[n] for n in held)


def beats(p, q, scores):
    """At least as accurate for no more joules, and better in one of them."""
    left = scores[p.formats].value, -p.energy.value
    right = scores[q.formats].value, -q.energy.value
    return left != right and left[0] >= right[0] and left[1] >= right[1]


def against(name, made, scores):
    """What dominates a uniform plan, with the paired bounds on the difference of accuracy."""
    uniform = next(p for p in made if p.name == name)
    better = [p for p in made if beats(p, uniform, scores) and p.name.startswith("mixed")]
    if not better:
        print(f"\nNo mixed plan dominates uniform {name}.")
    for p in better:
        v = judge(scores[uniform.formats], scores[p.formats], 0.0)
        print(f"\n{p.name} dominates uniform {name}: accuracy {0 - 100 * v.drop:+.2f} points "
              f"[{-100 * v.high:+.2f} .. {-100 * v.low:+.2f}], energy "
              f"{100 * (p.energy.value / uniform.energy.value - 1):+.3f}%")  # fmt: skip


if __name__ == "__main__":
    main()
