"""SpikeGPT under the audit: spikes join a residual and are normalised before they are used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from picojoule.cost.event import Recording, audit
from picojoule.graph import Kind, Op
from picojoule.graph.count import macs
from picojoule.papers.paper import Finding, Paper, Verdict

_STEPS, _WIDTH = 32, 64


def block(x: Any, rng: np.random.Generator) -> dict[str, Any]:
    """Inputs of the linear layers of one block with the released wiring and random weights."""
    d = x.shape[1]
    a = _norm(x)
    r, k, v = (a @ _weights(rng, d, d) for _ in range(3))
    weight = np.exp(k)
    mixed = _sigmoid(r) * np.cumsum(weight * v, axis=0) / np.cumsum(weight, axis=0)
    x = x + (mixed @ _weights(rng, d, d) > 1)  # spikes of the time mix
    b = _norm(x)
    hidden = np.maximum(b @ _weights(rng, d, 4 * d), 0) ** 2
    time = dict.fromkeys(("time.receptance", "time.key", "time.value"), a)
    channel = {"channel.key": b, "channel.receptance": b, "channel.value": hidden}
    return {**time, "time.output": mixed, **channel}


def check(data: Path | None) -> list[Finding]:
    """How many linear layers of a block see spikes, and how its token mix grows with length."""
    rng = np.random.default_rng(0)
    spikes = (rng.random((_STEPS, _WIDTH)) < 0.2).astype(float)
    inputs = block(spikes, rng)
    found = audit({name: Recording(x, _WIDTH) for name, x in inputs.items()})
    return [
        Finding("linear layers of a block that see spikes", len(inputs),
                len(inputs) - len(found.broken), note="all seven see real numbers: LayerNorm, a "
                "sigmoid or a squared ReLU stands before each"),
        Finding("share of products that are multiplied, if spike-driven", 0.0, found.mac_share,
                relation="<=", note="all of them"),
        Finding("growth of the token mix with length", 1.0, _growth("n"), tolerance=1e-9),
        Finding("growth of softmax attention with length", 2.0, _growth("n", "m"), tolerance=1e-9),
    ]  # fmt: skip


def _weights(rng: np.random.Generator, n: int, m: int) -> Any:
    return rng.normal(0, n**-0.5, (n, m))


def _norm(x: Any) -> Any:
    return (x - x.mean(1, keepdims=True)) / (x.std(1, keepdims=True) + 1e-5)


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _growth(*tokens: str) -> float:
    """Exponent of the products in the length, with a width of 64."""
    counts = [macs(Op("mix", Kind.MATMUL, dict.fromkeys(tokens, n) | {"d": 64}, ()))
              for n in (512, 1024)]  # fmt: skip
    return float(np.log2(counts[1] / counts[0]))


PAPER = Paper(
    name="spike-gpt",
    row=47,
    title="SpikeGPT: generative pre-trained language model with spiking neural networks",
    source="Zhu et al., arXiv 2302.13939; model.py of ridgerchu/SpikeGPT",
    claim="Binary, event-driven activations need 20 times fewer operations.",
    composition="audit(inputs of one block)",
    verdict=Verdict.PARTLY,
    check=check,
)
