"""The small task of papers that need a trained network: scikit-learn's 1,797 handwritten digits.

64 pixels / 16 − 0.3, 70% to train, stratified; a 64-256-256-10 perceptron; Adam 2e-3 with cosine
decay, batch 64, 40 epochs. Too easy to rank training rules, enough to see one break.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from picojoule.extras import require

__all__ = ["accuracy", "perceptron", "task", "train"]

EPOCHS, BATCH = 40, 64

Task = tuple[Any, Any, Any, Any]


def task(seed: int = 0) -> Task:
    """Training pixels, test pixels, training labels and test labels, as torch tensors."""
    torch = require("torch", "torch")
    require("sklearn", "examples")
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = load_digits(return_X_y=True)
    parts = train_test_split(
        pixels / 16 - 0.3, labels, test_size=0.3, stratify=labels, random_state=seed
    )
    kinds = (torch.float32, torch.float32, torch.int64, torch.int64)
    return tuple(torch.as_tensor(p, dtype=k) for p, k in zip(parts, kinds, strict=True))


def perceptron(seed: int, widths: Sequence[int] = (64, 256, 256, 10)) -> Any:
    """Linear layers with ReLU between them; layer i is module 2i."""
    torch = require("torch", "torch")
    torch.manual_seed(seed)
    layers: list[Any] = []
    for before, after in itertools.pairwise(widths):
        layers += [torch.nn.Linear(before, after), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def train(
    model: Any,
    data: Task,
    seed: int,
    *,
    epochs: int = EPOCHS,
    rate: float = 2e-3,
    each_step: Callable[[float], None] = lambda progress: None,
) -> Any:
    """Train in place; each_step gets the progress from 0 to 1 before each step."""
    torch = require("torch", "torch")
    x, _, y, _ = data
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(model.parameters(), rate)
    steps = epochs * -(-len(x) // BATCH)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    done = 0
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=generator).split(BATCH):
            each_step(done / steps)
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimiser.step()
            decay.step()
            done += 1
    return model.eval()


def accuracy(model: Any, data: Task) -> float:
    """Per cent of the test digits that are right."""
    torch = require("torch", "torch")
    with torch.no_grad():
        return float((model(data[1]).argmax(1) == data[3]).double().mean() * 100)
