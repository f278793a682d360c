"""The small language task of papers that need one: the 856 letters of the Zen of Python.

One causal block of width 64 over single letters; Adam with cosine decay. Perplexity is of the text
that was learned: enough to see a model break and come back, not to see it generalise.
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Iterable
from typing import Any

from picojoule.extras import require

__all__ = ["WIDTH", "WINDOW", "letters", "model", "perplexity", "train"]

WIDTH, WINDOW, _HEADS, _ROOM, _BATCH = 64, 32, 4, 16, 16  # room: places for a prompt


def letters() -> Any:
    """The text as numbers, 0 for the first letter of the alphabet that it uses."""
    torch = require("torch", "torch")
    with contextlib.redirect_stdout(io.StringIO()):
        import this
    text = "".join(this.d.get(letter, letter) for letter in this.s)
    alphabet = sorted(set(text))
    return torch.tensor([alphabet.index(letter) for letter in text])


def model(seed: int) -> Any:
    """(batch, letters) -> logits. `prompt`, if set, puts vectors before the embedded letters."""
    torch = require("torch", "torch")
    nn = torch.nn
    torch.manual_seed(seed)
    kinds = int(letters().max()) + 1

    class Model(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(kinds, WIDTH)
            self.places = nn.Parameter(0.02 * torch.randn(_ROOM + WINDOW, WIDTH))
            self.prompt: Any = None
            self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(3))
            self.qkv, self.join = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
            self.head = nn.Linear(WIDTH, kinds)

        def forward(self, x: Any) -> Any:
            n = x.shape[1]
            x = self.words(x) + self.places[_ROOM : _ROOM + n]
            x = x if self.prompt is None else self.prompt(x)
            heads = self.qkv(self.norms[0](x)).unflatten(-1, (3, _HEADS, -1)).permute(2, 0, 3, 1, 4)
            mixed = nn.functional.scaled_dot_product_attention(*heads.unbind(0), is_causal=True)
            x = x + self.join(mixed.transpose(1, 2).flatten(2))
            x = x + self.down(nn.functional.gelu(self.up(self.norms[1](x))))
            return self.head(self.norms[2](x[:, -n:]))

    return Model()


def train(changed: Any, weights: Iterable[Any], seed: int, *, steps: int, rate: float) -> Any:
    """Train these weights of the model in place."""
    torch = require("torch", "torch")
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(weights, rate)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    windows = letters().unfold(0, WINDOW + 1, 1)
    for _ in range(steps):
        optimiser.zero_grad()
        rows = torch.randint(len(windows), (_BATCH,), generator=generator)
        _loss(changed, windows[rows]).backward()
        optimiser.step()
        decay.step()
    return changed


def perplexity(changed: Any) -> float:
    """Mean over all windows of the text."""
    torch = require("torch", "torch")
    with torch.no_grad():
        return math.exp(_loss(changed, letters().unfold(0, WINDOW + 1, 1)))


def _loss(changed: Any, windows: Any) -> Any:
    torch = require("torch", "torch")
    logits = changed(windows[:, :-1]).flatten(0, 1)
    return torch.nn.functional.cross_entropy(logits, windows[:, 1:].flatten())
