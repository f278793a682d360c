"""What the inputs of layers look like: calibration batches, seen at each layer."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from picojoule.errors import InputError

__all__ = ["Sample", "Seen", "observe"]

Array = NDArray[Any]
KEPT = 4096  # rows of a layer's input that rules see, spread evenly over all that came


class Sample:
    """Every n-th of the rows that were added, with n so large that about KEPT are kept."""

    def __init__(self) -> None:
        self.rows: Array = np.empty((0, 0))
        self.stride, self.count = 1, 0

    def add(self, rows: Array) -> None:
        """More rows, (n, features)."""
        # A copy: what comes after the layer may change its input in place.
        new = rows[-self.count % self.stride :: self.stride].copy()
        self.count += len(rows)
        self.rows = np.concatenate([self.rows, new]) if self.rows.size else new
        while len(self.rows) > KEPT:
            self.rows, self.stride = self.rows[::2], 2 * self.stride


class Seen:
    """A layer's inputs. tokens: rows of features. windows: rows that the weight matrix meets,
    which for a convolution are its windows."""

    def __init__(self) -> None:
        self.tokens, self.windows = Sample(), Sample()
        self.extremes: Array = np.empty((0, 0))
        self.samples = 0

    def inputs(self) -> Array:
        """The tokens, and the extremes of each feature over all: minmax of these is exact."""
        return np.concatenate([self.tokens.rows, self.extremes])


def observe(
    model: nn.Module, sites: Iterable[str], batches: Iterable[Any], windows: Collection[str] = ()
) -> dict[str, Seen]:
    """Run `batches` and watch the layers `sites`; one that never ran is not in the answer.

    windows: layers whose windows are wanted too. Raises InputError for no data, and where a
    layer's input isn't finite: its name, and the sample.
    """
    seen: dict[str, Seen] = {}
    modules = dict(model.named_modules())
    hooks = [
        modules[n].register_forward_pre_hook(_watch(n, seen, windows=n in windows)) for n in sites
    ]
    modes = {m: m.training for m in model.modules()}
    count = 0
    try:
        model.eval()
        with torch.no_grad():
            for batch in batches:
                parts = batch if isinstance(batch, tuple | list) else (batch,)
                model(*(torch.as_tensor(p) for p in parts))
                count += 1
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes.items():
            module.training = mode
    if not count:
        raise InputError("no calibration data", got="0 batches", fix="Quantize(calibration=[...])")
    return seen


def _watch(name: str, seen: dict[str, Seen], *, windows: bool) -> Any:
    def watch(module: Any, args: tuple[Any, ...]) -> None:
        x = args[0].detach().float()
        state = seen.setdefault(name, Seen())
        _check(name, x, state.samples)
        state.samples += len(x)
        tokens = x.movedim(-1 - (module.weight.ndim - 2), -1)
        rows = tokens.reshape(-1, tokens.shape[-1]).cpu().numpy()
        state.tokens.add(rows)
        every = np.concatenate([state.extremes, rows]) if state.extremes.size else rows
        state.extremes = np.stack([every.min(axis=0), every.max(axis=0)])
        if windows:
            state.windows.add(_windows(module, x, rows))

    return watch


def _check(name: str, x: torch.Tensor, before: int) -> None:
    good = torch.isfinite(x.reshape(len(x), -1)).all(dim=1)
    if not good.all():
        raise InputError(
            "calibration data are not finite",
            where=f"{name}, sample {before + int((~good).int().argmax())}",
            got=f"{int((~good).sum())} such samples in the batch",
            expected="finite numbers",
        )


def _windows(module: Any, x: torch.Tensor, rows: Array) -> Array:
    """(windows, channels × kernel) of a 1D or 2D convolution; of other layers the rows."""
    if not isinstance(module, nn.Conv1d | nn.Conv2d):
        return rows
    flat = isinstance(module, nn.Conv1d)
    found = nn.functional.unfold(
        x.unsqueeze(-2) if flat else x,
        (1, *module.kernel_size)[-2:],
        (1, *module.dilation)[-2:],
        (0, *module.padding)[-2:],
        (1, *module.stride)[-2:],
    ).movedim(1, -1)
    return found.reshape(-1, found.shape[-1]).cpu().numpy()
