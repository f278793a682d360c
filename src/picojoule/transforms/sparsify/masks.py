"""Masks inside torch modules, and what a saliency needs to see. Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.nn.utils import parametrize

from picojoule.errors import InputError
from picojoule.transforms.sparsify.pattern import Mask, Pattern
from picojoule.transforms.sparsify.transform import LayerSeen

__all__ = ["TwoWay", "bake", "collect", "masked", "put", "refresh", "two_way"]

_MOST_SAMPLES = 4096  # rows of a layer's inputs that are kept


class _Fixed(torch.nn.Module):
    """weight · mask; the mask is a buffer and gets no gradient."""

    mask: torch.Tensor

    def __init__(self, mask: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight * self.mask


def put(module: torch.nn.Module, mask: Mask) -> None:
    """Mask `module.weight`, now and in training; an earlier mask is replaced."""
    weight: Any = module.weight
    value = torch.from_numpy(np.ascontiguousarray(mask)).to(weight.device, weight.dtype)
    for fixed in masked(module):
        fixed.mask.copy_(value)
        return
    parametrize.register_parametrization(module, "weight", _Fixed(value))


def masked(module: torch.nn.Module) -> list[_Fixed]:
    """The masks on this module itself."""
    lists: Any = getattr(module, "parametrizations", {})
    return [p for p in lists["weight"] if isinstance(p, _Fixed)] if "weight" in lists else []


def refresh(module: torch.nn.Module, pattern: Pattern, density: float) -> None:
    """Mask anew by the magnitude of the dense weights: one step of gradual pruning.

    The dense weights are what the optimiser holds, so that a weight may come back.
    """
    lists: Any = getattr(module, "parametrizations", None)
    dense: Any = module.weight if lists is None else lists.weight.original
    put(module, pattern.mask(dense.detach().abs().cpu().numpy(), density))


def bake(model: torch.nn.Module) -> torch.nn.Module:
    """Make masked weights plain parameters, in place; returns the model.

    Raises InputError for a layer that is parametrized in another way too.
    """
    for name, module in list(model.named_modules()):
        if not masked(module):
            continue
        changed: Any = module
        if len(changed.parametrizations["weight"]) > 1:
            raise InputError("something else of this layer is parametrized", where=name)
        # torch's remove_parametrizations would change the class that copies share.
        weight = torch.nn.Parameter(changed.weight.detach())
        changed.__class__ = type(changed).__bases__[0]
        del changed.parametrizations
        changed.register_parameter("weight", weight)
    return model


class TwoWay(torch.autograd.Function):
    """x Wᵀ with one mask on the way forward and another on the way back to x; dW is dense.

    N:M sparse training in both directions (BDWP, arXiv 2309.13015): N:M along the inputs of W for
    the forward product, along its outputs for the gradient of the inputs.
    """

    @staticmethod
    def forward(ctx: Any, x: Any, w: Any, ahead: Any, back: Any) -> Any:
        """x: (..., in), w: (out, in), masks as w."""
        ctx.save_for_backward(x, w * back)
        return x @ (w * ahead).T

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Gradients of x and w."""
        (grad,) = grads
        x, w_back = ctx.saved_tensors
        rows, inputs = grad.reshape(-1, grad.shape[-1]), x.reshape(-1, x.shape[-1])
        return grad @ w_back, rows.T @ inputs, None, None


def two_way(x: torch.Tensor, w: torch.Tensor, ahead: Pattern, back: Pattern) -> torch.Tensor:
    """x Wᵀ, sparse both ways by the magnitude of the dense `w` as it is now."""
    size = w.detach().abs().cpu().numpy()
    masks = [torch.from_numpy(p.mask(size, 0.0)).to(w.device, w.dtype) for p in (ahead, back)]
    product: torch.Tensor = TwoWay.apply(x, w, *masks)  # type: ignore[no-untyped-call]
    return product


def collect(
    model: torch.nn.Module,
    names: Sequence[str],
    calibration: Iterable[Any],
    loss: Callable[[Any, Any], Any] | None,
) -> dict[str, LayerSeen]:
    """Weights, inputs and gradients of these layers over the calibration batches."""
    modules = {name: model.get_submodule(name) for name in names}
    inputs: dict[str, list[np.ndarray[Any, Any]]] = {name: [] for name in names}
    first = {name: np.zeros(tuple(m.weight.shape)) for name, m in modules.items()}  # type: ignore[arg-type]
    second = {name: g.copy() for name, g in first.items()}
    with _watched(modules, inputs):
        for batch in calibration:
            out = model(*batch) if isinstance(batch, tuple) else model(batch)
            if loss is None:
                continue
            model.zero_grad(set_to_none=True)
            loss(out, batch).backward()
            for name, module in modules.items():
                grad: Any = module.weight.grad
                if grad is not None:
                    first[name] += grad.cpu().numpy()
                    second[name] += grad.cpu().numpy() ** 2
    model.zero_grad(set_to_none=True)
    return {
        name: LayerSeen(
            _numpy(modules[name].weight), _joined(name, inputs[name]), first[name], second[name]
        )
        for name in names
    }


@contextmanager
def _watched(modules: dict[str, Any], inputs: dict[str, list[Any]]) -> Iterator[None]:
    def hook(name: str) -> Callable[[Any, Any], None]:
        return lambda module, given: inputs[name].append(_rows(module, given[0]))

    handles = [m.register_forward_pre_hook(hook(name)) for name, m in modules.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _rows(module: Any, x: torch.Tensor) -> np.ndarray[Any, Any]:
    """Inputs as (samples, in): a convolution's are those of all its places, channels only."""
    x = x.detach()
    flat = x.movedim(1, -1) if not isinstance(module, torch.nn.Linear) else x
    return _numpy(flat.reshape(-1, flat.shape[-1])[:_MOST_SAMPLES])


def _joined(name: str, rows: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    if not rows:
        return np.empty((0, 0))
    joined = np.concatenate(rows)[:_MOST_SAMPLES]
    if not np.isfinite(joined).all():
        raise InputError("calibration data are not finite", where=name)
    return joined


def _numpy(x: Any) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = x.detach().double().cpu().numpy()
    return array
