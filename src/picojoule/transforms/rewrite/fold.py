"""Exact rewrites: batch norms into convolutions, and pairs of 1×1 convolutions into one."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, ClassVar

from picojoule.errors import InputError
from picojoule.extras import require
from picojoule.transforms.rewrite.rewrite import Rewritten

__all__ = ["FoldBatchNorm", "MergePointwise"]


@dataclass(frozen=True, slots=True)
class FoldBatchNorm:
    """Scale and shift of a batch norm go into the convolution or linear layer before it.

    w' = w·γ/√(σ²+ε), b' = (b − μ)·γ/√(σ²+ε) + β (Jacob et al., arXiv 1712.05877, section 3.2).
    For inference: running statistics are constants then.
    """

    exact: ClassVar[bool] = True

    def apply(self, model: Any) -> Rewritten:
        """Fold every batch norm whose only input is a layer that feeds nothing else."""
        torch = require("torch", "torch")
        from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

        traced = _traced(model)
        changed, skipped = {}, {}
        for node in _calls(traced, torch.nn.modules.batchnorm._BatchNorm):
            norm, before = traced.get_submodule(node.target), _before(node)
            layer = traced.get_submodule(before) if before else None
            if isinstance(layer, torch.nn.Linear):
                fused = fuse_linear_bn_eval(layer, norm)
            elif isinstance(layer, torch.nn.modules.conv._ConvNd):
                fused = fuse_conv_bn_eval(layer, norm)
            else:
                skipped[node.target] = "no convolution or linear layer of its own before it"
                continue
            _replace(traced, before, fused, node)
            changed[node.target] = f"folded into {before}"
        return _finished(traced, changed, skipped, "no batch norm to fold")


@dataclass(frozen=True, slots=True)
class MergePointwise:
    """Two 1×1 convolutions with nothing between them become one: W = W₂W₁, b = W₂b₁ + b₂.

    VanillaNet (arXiv 2305.12972) trains with a non-linearity between them that fades out, and
    merges afterwards. Pairs that would cost more merged are left alone.
    """

    exact: ClassVar[bool] = True

    def apply(self, model: Any) -> Rewritten:
        """Merge every such pair that gets cheaper or stays equal."""
        torch = require("torch", "torch")
        traced = _traced(model)
        changed, skipped = {}, {}
        for node in _calls(traced, torch.nn.Conv2d):
            second, before = traced.get_submodule(node.target), _before(node)
            first: Any = traced.get_submodule(before) if before else None
            if not (_pointwise(torch, first) and _pointwise(torch, second)):
                continue
            merged = first.in_channels * second.out_channels
            if merged > first.weight.numel() + second.weight.numel():
                skipped[node.target] = f"merging with {before} would cost more"
                continue
            _replace(traced, before, _merged(torch, first, second), node)
            changed[node.target] = f"merged into {before}"
        return _finished(traced, changed, skipped, "no pair of 1×1 convolutions to merge")


def _traced(model: Any) -> Any:
    """A copy as a graph of calls, in inference mode."""
    require("torch", "torch")
    from torch import fx

    try:
        return fx.symbolic_trace(copy.deepcopy(model).eval())
    except Exception as error:  # fx raises what the model's own code raises under tracing
        raise InputError(
            f"this model can't be traced for a rewrite: {error}",
            fix="rewrite a part of it that has no control flow on data",
        ) from error


def _calls(traced: Any, kind: type) -> list[Any]:
    """Calls of modules of `kind`, in order."""
    modules = dict(traced.named_modules())
    calls = [node for node in traced.graph.nodes if node.op == "call_module"]
    return [node for node in calls if isinstance(modules[node.target], kind)]


def _before(node: Any) -> str:
    """The path of the module whose output goes to `node` and nowhere else, or ''.

    A module that is called twice can't be changed for one of its calls.
    """
    (source,) = node.args
    if source.op != "call_module" or len(source.users) != 1:
        return ""
    calls = [n for n in node.graph.nodes if n.op == "call_module" and n.target == source.target]
    return str(source.target) if len(calls) == 1 else ""


def _pointwise(torch: Any, layer: Any) -> bool:
    return (
        isinstance(layer, torch.nn.Conv2d) and layer.kernel_size == (1, 1) and layer.groups == 1
        and layer.padding in ((0, 0), 0, "valid")
    )  # fmt: skip


def _merged(torch: Any, first: Any, second: Any) -> Any:
    """Strides multiply, as 1×1 kernels only pick places."""
    stride = tuple(a * b for a, b in zip(first.stride, second.stride, strict=True))
    out = torch.nn.Conv2d(
        first.in_channels, second.out_channels, 1, stride,
        bias=first.bias is not None or second.bias is not None,
    ).to(first.weight.device, first.weight.dtype)  # fmt: skip
    with torch.no_grad():
        a, b = first.weight[:, :, 0, 0], second.weight[:, :, 0, 0]
        out.weight.copy_((b @ a)[:, :, None, None])
        if out.bias is not None:
            out.bias.zero_()
            out.bias += 0 if first.bias is None else b @ first.bias
            out.bias += 0 if second.bias is None else second.bias
    return out


def _replace(traced: Any, path: str, module: Any, node: Any) -> None:
    """Put `module` at `path` and take the call `node` out."""
    parent, _, name = path.rpartition(".")
    setattr(traced.get_submodule(parent), name, module)
    node.replace_all_uses_with(node.args[0])
    traced.graph.erase_node(node)


def _finished(
    traced: Any, changed: dict[str, str], skipped: dict[str, str], nothing: str
) -> Rewritten:
    if not changed:
        raise InputError(nothing, got="; ".join(f"{k}: {v}" for k, v in skipped.items()) or None)
    traced.graph.lint()
    traced.recompile()
    traced.delete_all_unused_submodules()
    return Rewritten(traced, changed, skipped)
