"""Torch modules that quantise weights and inputs, and where they go in a model."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils import parametrize

from picojoule.errors import InputError
from picojoule.formats import FixedGrid, Int
from picojoule.transforms.quantize.observe import Seen
from picojoule.transforms.quantize.plan import LayerPlan, Quantized, Site
from picojoule.transforms.quantize.quantizer import Quantizer, Subset
from picojoule.transforms.quantize.rounding import learned, nearest
from picojoule.transforms.quantize.scale import Scale, output_mse

__all__ = ["FakeQuant", "SubsetQuant", "attach", "bake", "find", "needs_inputs", "refusal"]

Array = NDArray[Any]
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


class _Through(torch.autograd.Function):
    """The value of a rounding with the slope of an estimator."""

    @staticmethod
    def forward(ctx: Any, u: torch.Tensor, q: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(slope)
        return q.view_as(q)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (slope,) = ctx.saved_tensors
        return grads[0] * slope, None, None


class FakeQuant(nn.Module):
    """Floats in, the floats that they are stored as out.

    scale: of static quantisers, and where learned ones start; None fits one to each input.
    channels: the axis of an input that holds its features, for (tokens, features); None for a
    weight, (out, in).
    """

    def __init__(
        self, quantizer: Quantizer, scale: Scale | None, *, channels: int | None = None
    ) -> None:
        super().__init__()
        self.quantizer, self.channels = quantizer, channels
        self.step: torch.Tensor | None
        self.zero: torch.Tensor | None
        self.register_buffer("zero", None if scale is None else _tensor(scale.zero))
        if scale is not None and quantizer.when == "learned":
            self.step = nn.Parameter(_tensor(scale.step))
        else:
            self.register_buffer("step", None if scale is None else _tensor(scale.step))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x` quantised, in its shape and type."""
        m = x.reshape(len(x), -1) if self.channels is None else x.movedim(self.channels, -1)
        flat = m.reshape(-1, m.shape[-1])
        fmt = self.quantizer.format
        q = self._on_grid(flat, fmt) if isinstance(fmt, FixedGrid) else self._own_scales(flat)
        out = q.reshape(m.shape).to(x.dtype)
        return out.reshape(x.shape) if self.channels is None else out.movedim(-1, self.channels)

    def _own_scales(self, m: torch.Tensor) -> torch.Tensor:
        q = torch.from_numpy(self.quantizer.quantize(_numpy(m))).to(m)
        return _through(m, q, self.quantizer.estimator(m.detach(), -1.0, 1.0))

    def _on_grid(self, m: torch.Tensor, grid: FixedGrid) -> torch.Tensor:
        rows = self.quantizer.granularity.split(m)
        step, zero = self._scale(rows, grid)
        if len(step) != len(rows):
            raise InputError(
                "a static scale doesn't fit this input",
                got=f"{len(rows)} parts", expected=len(step), fix="when='dynamic'",
            )  # fmt: skip
        u = rows / step + zero
        slope = self.quantizer.estimator(u.detach(), *grid.limits)
        q = _through(u, self._rounded(u.detach(), grid), slope)
        out: torch.Tensor = self.quantizer.granularity.join((q - zero) * step, m.shape)
        return out

    def _rounded(self, u: torch.Tensor, grid: FixedGrid) -> torch.Tensor:
        if isinstance(grid, Int) and self.quantizer.rounding is nearest:
            return u.round().clamp(*grid.limits)
        return torch.from_numpy(np.ascontiguousarray(self.quantizer.rounding(_numpy(u), grid))).to(
            u
        )

    def _scale(self, rows: torch.Tensor, grid: FixedGrid) -> tuple[torch.Tensor, torch.Tensor]:
        if self.step is None or self.zero is None:
            scale = self.quantizer.rule(_numpy(rows), grid)
            return _tensor(scale.step).to(rows), _tensor(scale.zero).to(rows)
        step = self.step
        if isinstance(step, nn.Parameter):
            # LSQ, section 2.2: the gradient of a step sums over its elements, which this undoes.
            share = 1 / math.sqrt(max(rows.shape[1], 1) * max(grid.limits[1], 1.0))
            step = step * share + (step * (1 - share)).detach()
            # A step that training drives through zero would flip the grid.
            step = step.clamp_min(torch.finfo(step.dtype).eps)
        return step, self.zero


class SubsetQuant(nn.Module):
    """Some rows of a weight by one quantiser, the others by another."""

    def __init__(self, subset: Subset, weight: Array, inputs: Array | None) -> None:
        super().__init__()
        masks = subset.masks(len(weight))
        self.order = np.argsort(np.concatenate(masks)).tolist()
        self.rows = [m.tolist() for m in masks]
        self.parts = nn.ModuleList(
            FakeQuant(q, _fitted(q, weight[m], inputs) if len(m) else None)
            for q, m in zip((subset.inside, subset.outside), masks, strict=True)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x` quantised, in its shape."""
        done = [part(x[rows]) for part, rows in zip(self.parts, self.rows, strict=True) if rows]
        return torch.cat(done)[self.order]


def find(model: nn.Module) -> tuple[list[Site], dict[str, str]]:
    """Layers that can be quantised, and those with weights that can't, with the reason."""
    sites: list[Site] = []
    skipped: dict[str, str] = {}
    inside = ""
    for name, module in model.named_modules():
        if inside and name.startswith(inside):
            continue
        kind = type(module).__name__
        if isinstance(module, (nn.Linear, nn.Embedding, *_CONVOLUTIONS)):
            shape = len(module.weight), module.weight[0].numel()
            sites.append(Site(name, kind, shape, not isinstance(module, nn.Embedding)))
        elif any(p.ndim > 1 for p in module.parameters(recurse=False)):
            skipped[name] = f"no quantiser for {kind}"
            inside = f"{name}."  # its parts are used by the whole, not called
    return sites, skipped


def needs_inputs(weight: Quantizer | Subset | None) -> bool:
    """Whether a rule or a rounding looks at the layer's outputs."""
    if isinstance(weight, Subset):
        return needs_inputs(weight.inside) or needs_inputs(weight.outside)
    if weight is None or not isinstance(weight.format, FixedGrid):
        return False
    return _unwrapped(weight.rule) is output_mse or _unwrapped(weight.rounding) is learned


def refusal(module: nn.Module, layer: LayerPlan) -> str | None:
    """Why a layer can't have what its plan says, or None."""
    if isinstance(module, nn.Embedding):
        looks = layer.activation is not None or needs_inputs(layer.weight)
        return "its inputs are indices" if looks else None
    if not needs_inputs(layer.weight) or isinstance(module, nn.Linear):
        return None
    plain = (
        isinstance(module, nn.Conv1d | nn.Conv2d)
        and module.groups == 1
        and module.padding_mode == "zeros"
        and not isinstance(module.padding, str)
    )
    return None if plain else "the output error is known for plain 1D and 2D convolutions only"


def attach(module: Any, site: Site, layer: LayerPlan, seen: Seen | None) -> Quantized:
    """Put the quantisers of `layer` into its module. Raises InputError where they don't fit."""
    error, bits, names = 0.0, 32.0, ["float32", "float32"]
    if layer.weight is not None:
        error = _attach_weight(module, layer.weight, seen)
        bits = layer.weight.bits_per_element(site.shape)
        names[0] = _name(layer.weight)
    if layer.activation is not None:
        _attach_input(module, layer.activation, seen)
        names[1] = layer.activation.format.name
    return Quantized(site.name, names[0], names[1], bits, error)


def bake(model: nn.Module) -> nn.Module:
    """`model` with quantised weights as plain parameters."""
    for name, module in list(model.named_modules()):
        steps: Any = getattr(module, "parametrizations", {})
        if "weight" not in steps or not isinstance(steps["weight"][-1], FakeQuant | SubsetQuant):
            continue
        if len(steps) > 1:
            raise InputError("something else of this layer is parametrized", where=name)
        # torch's remove_parametrizations would change the class that copies share.
        weight = nn.Parameter(module.weight.detach())
        module.__class__ = type(module).__bases__[0]
        del module.parametrizations
        module.register_parameter("weight", weight)
    return model


def _attach_weight(module: Any, weight: Quantizer | Subset, seen: Seen | None) -> float:
    """The relative squared error."""
    original = _numpy(module.weight.reshape(len(module.weight), -1)).copy()
    inputs = seen.windows.rows if seen is not None and needs_inputs(weight) else None
    quant: nn.Module
    if isinstance(weight, Subset):
        quant = SubsetQuant(weight, original, inputs)
    elif _unwrapped(weight.rounding) is learned:
        # What was learned goes into the weight: its numbers are on the grid, and stay there.
        encoded = weight.encode(original, inputs=inputs)
        steps = getattr(module, "parametrizations", {})
        stored = steps["weight"].original if "weight" in steps else module.weight
        with torch.no_grad():
            stored.copy_(_tensor(encoded.values).reshape(stored.shape))
        quant = FakeQuant(replace(weight, rounding=nearest), encoded.scale)
    else:
        quant = FakeQuant(weight, _fitted(weight, original, inputs))
    parametrize.register_parametrization(module, "weight", quant)
    now = _numpy(module.weight.reshape(len(module.weight), -1))
    return float(np.square(now - original).sum() / max(np.square(original).sum(), 1e-300))


def _attach_input(module: Any, quantizer: Quantizer, seen: Seen | None) -> None:
    static = quantizer.when != "dynamic" and isinstance(quantizer.format, FixedGrid)
    if static and seen is None:
        raise InputError(
            "a static scale of inputs needs calibration data", fix="when='dynamic', or give some"
        )
    scale = quantizer.fit(seen.inputs()) if static and seen is not None else None
    channels = -1 - (module.weight.ndim - 2)
    module.input_quantizer = FakeQuant(quantizer, scale, channels=channels)
    module.register_forward_pre_hook(_quantize_input)


def _fitted(quantizer: Quantizer, weight: Array, inputs: Array | None) -> Scale | None:
    return None if quantizer.when == "dynamic" else quantizer.fit(weight, inputs)


def _quantize_input(module: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    return (module.input_quantizer(args[0]), *args[1:])


def _through(u: torch.Tensor, q: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
    out: torch.Tensor = _Through.apply(u, q, slope)  # type: ignore[no-untyped-call]
    return out


def _unwrapped(function: Any) -> Any:
    """The function inside of partials and wrappers."""
    while (inner := getattr(function, "func", getattr(function, "__wrapped__", None))) is not None:
        function = inner
    return function


def _name(weight: Quantizer | Subset) -> str:
    if isinstance(weight, Quantizer):
        return weight.format.name
    return (
        f"{weight.outside.format.name}, {len(weight.indices)} outputs {weight.inside.format.name}"
    )


def _numpy(x: torch.Tensor) -> Array:
    return x.detach().cpu().float().numpy()


def _tensor(x: Any) -> torch.Tensor:
    return torch.as_tensor(np.asarray(x), dtype=torch.float32)
