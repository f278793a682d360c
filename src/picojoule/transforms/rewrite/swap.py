"""Inexact rewrites: a module becomes another of the same interface, and must be trained or checked.

Linear layers to ternary weights with int8 inputs, convolutions to groups of constant size.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from picojoule.errors import InputError
from picojoule.extras import require
from picojoule.transforms.rewrite.rewrite import Rewritten

__all__ = ["ConstantGroupSize", "ToBitLinear"]


@dataclass(frozen=True, slots=True)
class ToBitLinear:
    """y = Q₈(RMSNorm(x)) · (γ·round(W/γ) clipped to ±1)ᵀ, γ = mean|W|: sums, no products.

    Inputs are int8 with a scale per token, 127/max|x| (MatMul-free LM, arXiv 2406.02528, eq. 1-4).
    Trains straight through. skip: module paths to leave as they are.
    """

    skip: tuple[str, ...] = ()
    exact: ClassVar[bool] = False

    def apply(self, model: Any) -> Rewritten:
        """Replace every linear layer."""
        torch = require("torch", "torch")
        from picojoule.transforms.rewrite.bit_linear import BitLinear

        return _swap(
            model, torch.nn.Linear, self.skip,
            lambda layer: (BitLinear.of(layer), "ternary weights, int8 inputs"),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ConstantGroupSize:
    """A convolution's channels in groups of `size` inputs each, whatever their number.

    Group size, not the number of groups, sets arithmetic intensity and so joules per MAC
    (E2GC, group size G: N/G groups). The kept weights are those of each group's own block of
    the dense kernel. Pointwise convolutions and those whose channels `size` does not divide stay.
    """

    size: int
    skip: tuple[str, ...] = ()
    exact: ClassVar[bool] = False

    def apply(self, model: Any) -> Rewritten:
        """Replace dense and depthwise k×k convolutions. Raises InputError for a size below 1."""
        torch = require("torch", "torch")
        if self.size < 1:
            raise InputError("a group has at least one channel", got=self.size)

        def grouped(layer: Any) -> tuple[Any, str]:
            if layer.kernel_size == (1, 1):
                raise InputError("a pointwise convolution mixes channels, and stays")
            if layer.in_channels % self.size or layer.out_channels % (
                layer.in_channels // self.size
            ):
                raise InputError(f"groups of {self.size} don't divide {layer.in_channels} channels")
            return _grouped(torch, layer, self.size), f"groups of {self.size} channels"

        return _swap(model, torch.nn.Conv2d, self.skip, grouped)


def _grouped(torch: Any, layer: Any, size: int) -> Any:
    groups = layer.in_channels // size
    new = torch.nn.Conv2d(
        layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, layer.padding,
        layer.dilation, groups, layer.bias is not None, layer.padding_mode,
    ).to(layer.weight.device, layer.weight.dtype)  # fmt: skip
    with torch.no_grad():
        dense = torch.zeros(layer.out_channels, layer.in_channels, *layer.kernel_size)
        old_in = layer.in_channels // layer.groups
        for o in range(layer.out_channels):
            first = o // (layer.out_channels // layer.groups) * old_in
            dense[o, first : first + old_in] = layer.weight[o]
        for o in range(layer.out_channels):
            first = o // (layer.out_channels // groups) * size
            new.weight[o] = dense[o, first : first + size]
        if layer.bias is not None:
            new.bias.copy_(layer.bias)
    return new


def _swap(
    model: Any, kind: type, skip: tuple[str, ...], make: Callable[[Any], tuple[Any, str]]
) -> Rewritten:
    new = copy.deepcopy(model)
    changed, skipped = {}, {}
    for path, layer in list(new.named_modules()):
        if type(layer) is not kind or not path:
            continue
        if path in skip:
            skipped[path] = "asked to stay"
            continue
        try:
            made, what = make(layer)
        except InputError as error:
            skipped[path] = error.what
            continue
        parent, _, name = path.rpartition(".")
        setattr(new.get_submodule(parent), name, made)
        changed[path] = what
    if not changed:
        raise InputError(f"no {kind.__name__} to replace", got=str(skipped) if skipped else None)
    return Rewritten(new, changed, skipped)
