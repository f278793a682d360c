"""Rewrite an exported program to compute in bfloat16, with the same inputs and outputs."""

from __future__ import annotations

import math
from typing import Any

from picojoule.extras import require

__all__ = ["to_bf16"]

_FOLD_LIMIT_BYTES = 64 << 20


def to_bf16(module: Any) -> Any:
    """Cast the weights and ops of a flat fx.GraphModule from float32 to bfloat16, in place.

    float32 inputs are cast on the way in and float32 outputs on the way out; integer inputs
    stay. What depends on no input (masks, position tables) is computed in float32 first, because
    bfloat16 can't count beyond 256.
    """
    torch = require("torch", "torch")
    with torch.no_grad():
        _fold_constants(module, torch)
        _lower_weights(module, torch)
    graph = module.graph
    for node in list(graph.nodes):
        if node.op == "placeholder":
            _cast_input(graph, node, torch)
        elif node.op == "call_function" and not node.meta.get("boundary"):
            node.args = torch.fx.node.map_aggregate(node.args, _lower)
            node.kwargs = torch.fx.node.map_aggregate(node.kwargs, _lower)
        elif node.op == "output":
            _cast_outputs(graph, node, torch)
    module.recompile()
    return module


def _lower(value: Any) -> Any:
    """One argument: the dtype itself, and literals like finfo(float32).min that would overflow."""
    torch = require("torch", "torch")
    if value is torch.float32:
        return torch.bfloat16
    if isinstance(value, float) and math.isfinite(value):
        limit = torch.finfo(torch.bfloat16).max
        return max(-limit, min(limit, value))
    return value


def _cast(graph: Any, node: Any, dtype: Any, torch: Any) -> Any:
    cast = graph.call_function(torch.ops.aten.to.dtype, (node, dtype))
    cast.meta["boundary"] = True
    return cast


def _cast_input(graph: Any, node: Any, torch: Any) -> None:
    if node.meta["val"].dtype == torch.float32:
        with graph.inserting_after(node):
            cast = _cast(graph, node, torch.bfloat16, torch)
        node.replace_all_uses_with(cast, delete_user_cb=lambda user: user is not cast)


def _cast_outputs(graph: Any, node: Any, torch: Any) -> None:
    with graph.inserting_before(node):
        node.args = (
            tuple(
                _cast(graph, out, torch.float32, torch)
                if out.meta["val"].dtype == torch.float32
                else out
                for out in node.args[0]
            ),
        )


def _lower_weights(module: Any, torch: Any) -> None:
    limit, lowered = torch.finfo(torch.bfloat16).max, {}
    for node in module.graph.nodes:
        if node.op != "get_attr":
            continue
        tensor = _attribute(module, node.target)
        if not isinstance(tensor, torch.Tensor) or tensor.dtype != torch.float32:
            continue
        if tensor not in lowered:  # tensors hash by identity: tied weights stay tied
            finite = torch.where(tensor.isinf(), tensor, tensor.clamp(-limit, limit))
            lowered[tensor] = finite.to(torch.bfloat16)
        node.target = _add(module, lowered[tensor])


def _attribute(module: Any, path: str) -> Any:
    for part in path.split("."):
        module = getattr(module, part)
    return module


def _add(module: Any, tensor: Any) -> str:
    """Register `tensor` as a new buffer; its name."""
    name = f"_constant{len(module._buffers)}"
    module.register_buffer(name, tensor)
    return name


def _fold_constants(module: Any, torch: Any) -> None:
    """Replace each call that depends on no input with its value."""
    graph = module.graph
    values = _constant_values(module, torch)
    for node, value in values.items():
        needed = node.op == "call_function" and any(user not in values for user in node.users)
        if needed and isinstance(value, torch.Tensor):
            with graph.inserting_before(node):
                constant = graph.get_attr(_add(module, value.contiguous()))
            constant.meta = dict(node.meta)
            node.replace_all_uses_with(constant)
    graph.eliminate_dead_code()


def _constant_values(module: Any, torch: Any) -> dict[Any, Any]:
    values: dict[Any, Any] = {}
    for node in module.graph.nodes:
        if node.op == "get_attr":
            values[node] = _attribute(module, node.target)
        elif node.op == "call_function" and all(n in values for n in node.all_input_nodes):
            if _mutates(node):  # a constant is written in place: no value is safe to reuse
                return {}
            if not _is_random(node, torch):
                args, kwargs = torch.fx.node.map_arg((node.args, node.kwargs), values.get)
                value = node.target(*args, **kwargs)
                if getattr(value, "nbytes", 0) <= _FOLD_LIMIT_BYTES:
                    values[node] = value
    return values


def _mutates(node: Any) -> bool:
    schema = getattr(node.target, "_schema", None)
    return schema is not None and schema.is_mutable and node.target.__name__ != "detach_.default"


def _is_random(node: Any, torch: Any) -> bool:
    return torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ())
