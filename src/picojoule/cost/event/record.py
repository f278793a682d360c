"""Recording what the linear layers of a PyTorch model are given."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from picojoule.cost.event.counts import Recording
from picojoule.errors import InputError
from picojoule.extras import require

__all__ = ["record"]


def record(model: Any, *inputs: Any, steps: int = 1) -> dict[str, Recording]:
    """Run `model(*inputs)` once and record the input of every linear and convolutional layer.

    steps: time steps that the model folds into the batch, slowest first, as spiking libraries do;
    a layer that is called several times has as many steps more. The model keeps its mode; its
    neurons' states are not reset. Raises InputError for steps that don't divide a batch, and for
    what is no model or has no such layers; MissingExtra without torch.
    """
    torch = require("torch", "torch")
    nn = torch.nn
    kinds = (
        nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d,
        nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d,
    )  # fmt: skip
    if not isinstance(model, nn.Module):
        raise InputError("not a torch.nn.Module", got=type(model).__name__)
    layers = {name: m for name, m in model.named_modules() if isinstance(m, kinds)}
    calls: dict[str, list[tuple[Any, int]]] = {name: [] for name in layers}

    def hook(name: str) -> Any:
        def keep(module: Any, args: tuple[Any, ...], out: Any) -> None:
            calls[name].append((args[0].detach().cpu(), out.numel()))

        return keep

    handles = [m.register_forward_hook(hook(name)) for name, m in layers.items()]
    try:
        with torch.no_grad():
            model(*(torch.as_tensor(x) for x in inputs))
    finally:
        for handle in handles:
            handle.remove()
    found = {
        name: _recording(name, layers[name], seen, steps) for name, seen in calls.items() if seen
    }
    if not found:
        raise InputError("no linear or convolutional layer ran", got=type(model).__name__)
    return found


def _recording(name: str, layer: Any, calls: list[tuple[Any, int]], steps: int) -> Recording:
    """All calls as steps of one input."""
    torch = require("torch", "torch")
    first, outputs = calls[0]
    if any(x.shape != first.shape for x, _ in calls):
        raise InputError("a layer got inputs of several shapes", where=name)
    if steps < 1 or first.shape[0] % steps:
        raise InputError(
            "steps don't divide the batch of a layer", where=name, got=steps,
            expected=f"a divisor of {first.shape[0]}",
        )  # fmt: skip
    stacked = torch.cat([x.reshape(steps, -1, *first.shape[1:]) for x, _ in calls])
    fan_out = _fan_out(layer, first[:1])[0]
    return Recording(np.asarray(stacked), fan_out, outputs // steps)


def _fan_out(layer: Any, one: Any) -> Any:
    """Products of each input element: with all weights 1, the gradient of the outputs' sum."""
    torch = require("torch", "torch")
    ones = copy.deepcopy(layer).double().cpu().requires_grad_(False)
    ones.weight.fill_(1.0)
    x = torch.ones(one.shape, dtype=torch.float64, requires_grad=True)
    ones(x).sum().backward()
    return x.grad.numpy()
