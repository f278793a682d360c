"""Torch programs on disk: program.json (a flat list of ATen calls) and weights.safetensors.

Why not torch.export.save: in torch 2.13 its loader unpickles. Sample inputs fall back to
weights_only=False (torch/_export/serde/serialize.py, deserialize_torch_artifact), weights marked
`use_pickle` and opaque constants are unpickled (torch/export/pt2_archive/_package.py), symbolic
shapes go through sympify, which evals, and an op's name may resolve to any attribute of `torch`.
An artefact may come from anyone, so here an op must be a pure ATen or quantisation op, every
argument is plain data, and no name of the file reaches the generated code.
"""

from __future__ import annotations

import json
import math
import operator
from pathlib import Path
from typing import Any

from picojoule.deploy.runtime import Unbuildable
from picojoule.errors import InputError
from picojoule.extras import require

__all__ = ["flat_module", "read_program", "write_program"]

_NAMESPACES = ("aten", "prims", "quantized_decomposed", "torchao")


def flat_module(program: Any) -> Any:
    """An exported program as an fx.GraphModule from flat tensors to a flat tuple of tensors."""
    fx = require("torch.fx", "torch")
    module = program.module(check_guards=False)
    graph = module.graph
    graph.set_codegen(fx.graph.CodeGen())
    for node in list(graph.nodes):
        # Shape and dtype assertions cost time and, after a cast to bf16, are wrong.
        if node.op == "call_function" and "_assert" in str(node.target) and not node.users:
            graph.erase_node(node)
        elif node.op == "output":
            node.args = (tuple(out for out in node.args[0] if isinstance(out, fx.Node)),)
    return fx.GraphModule(module, graph)


def write_program(module: Any, directory: Path) -> None:
    """Write a flat fx.GraphModule. Raises Unbuildable for an op that can't be written."""
    nodes = list(module.graph.nodes)
    index = {node: i for i, node in enumerate(nodes)}
    state: dict[str, Any] = {}
    rows = [_node_row(module, node, index, state) for node in nodes]
    document = {"schema": "picojoule/program/1", "nodes": rows}
    (directory / "program.json").write_text(json.dumps(document))
    # Clones, because safetensors refuses tensors that share memory.
    require("safetensors.torch", "torch").save_file(
        {name: tensor.detach().clone().contiguous() for name, tensor in state.items()},
        directory / "weights.safetensors",
    )


def _node_row(module: Any, node: Any, index: dict[Any, int], state: dict[str, Any]) -> list[Any]:
    if node.op == "placeholder":
        value = node.meta["val"]
        return ["input", list(value.shape), _name(value.dtype)]
    if node.op == "get_attr":
        tensor = _attribute(module, node.target)
        return ["weight", _store(tensor, state)]
    if node.op == "call_function":
        kwargs = {name: _encode(value, index) for name, value in node.kwargs.items()}
        return ["call", _op_name(node.target), _encode(node.args, index), kwargs]
    if node.op == "output":
        return ["output", _encode(node.args[0], index)]
    raise Unbuildable(f"the exported program has a {node.op} node", where=node.name)


def _attribute(module: Any, path: str) -> Any:
    for part in path.split("."):
        module = getattr(module, part)
    if not isinstance(module, require("torch", "torch").Tensor):
        raise Unbuildable(
            "the model has control flow (cond, map or a nested graph)",
            where=path,
            fix="use openvino or onnxruntime, or rewrite that part without control flow",
        )
    return module


def _store(tensor: Any, state: dict[str, Any]) -> str:
    """The key of `tensor` in `state`; tied weights share one."""
    for key, known in state.items():
        if known is tensor:
            return key
    key = f"w{len(state)}"
    state[key] = tensor
    return key


def _op_name(target: Any) -> str:
    if target is operator.getitem:
        return "getitem"
    name = str(target)
    if not hasattr(target, "_schema") or name.partition(".")[0] not in _NAMESPACES:
        raise Unbuildable("this op can't be written to an artefact", where=name)
    return name


def _name(value: Any) -> str:
    return str(value).removeprefix("torch.")


def _encode(value: Any, index: dict[Any, int]) -> Any:
    """One argument as JSON; what JSON can't say becomes {kind: name}."""
    torch = require("torch", "torch")
    if isinstance(value, torch.fx.Node):
        return {"node": index[value]}
    if isinstance(value, list | tuple):
        return [_encode(item, index) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    for kind in ("dtype", "layout", "memory_format", "device"):
        if isinstance(value, getattr(torch, kind)):
            return {kind: _name(value)}
    raise Unbuildable(f"an op has an argument of type {type(value).__name__}", got=value)


def read_program(directory: Path) -> tuple[Any, list[tuple[tuple[int, ...], str]]]:
    """The fx.GraphModule in `directory`, and the (shape, dtype) of each of its inputs.

    Raises InputError when the files are damaged, or ask for an op that isn't allowed.
    """
    torch = require("torch", "torch")
    try:
        document = json.loads((directory / "program.json").read_text())
        state = require("safetensors.torch", "torch").load_file(directory / "weights.safetensors")
        root = torch.nn.Module()
        for key, tensor in state.items():
            root.register_buffer(key, tensor)
        graph, inputs = torch.fx.Graph(), []
        nodes: list[Any] = []
        for row in document["nodes"]:
            nodes.append(_add_node(graph, row, nodes))
            if row[0] == "input":
                inputs.append((tuple(row[1]), str(row[2])))
        graph.lint()
        return torch.fx.GraphModule(root, graph), inputs
    except InputError:
        raise
    except Exception as error:  # whatever a damaged file makes torch, json or safetensors raise
        raise InputError(
            f"damaged program: {type(error).__name__}: {error}", where=str(directory)
        ) from error


def _add_node(graph: Any, row: list[Any], nodes: list[Any]) -> Any:
    if row[0] == "input":
        return graph.placeholder(f"x{len(nodes)}")
    if row[0] == "weight":
        return graph.get_attr(_weight_name(row[1]))
    if row[0] == "output":
        return graph.output(tuple(_decode(row[1], nodes)))
    if row[0] != "call":
        raise InputError("unknown kind of node in a program", got=row[0])
    kwargs = {name: _decode(value, nodes) for name, value in row[3].items()}
    return graph.call_function(_op(row[1]), tuple(_decode(row[2], nodes)), kwargs)


def _weight_name(key: Any) -> str:
    if not (isinstance(key, str) and key[:1] == "w" and key[1:].isdecimal()):
        raise InputError("bad weight name in a program", got=repr(key), expected="like 'w12'")
    return key


def _op(name: str) -> Any:
    """The op called "namespace.op.overload", if it is one that only computes tensors."""
    if name == "getitem":
        return operator.getitem
    torch = require("torch", "torch")
    namespace, _, rest = name.partition(".")
    if namespace == "quantized_decomposed":
        require("torch.ao.quantization.fx._decomposed", "torch")  # registers these ops
    packet, _, overload = rest.partition(".")
    op = (
        getattr(getattr(getattr(torch.ops, namespace), packet), overload)
        if namespace in _NAMESPACES
        else None
    )
    schema = getattr(op, "_schema", None)
    # from_file and save are ATen ops too: nothing that names a file, or returns no tensor.
    if (
        schema is None
        or "Tensor" not in " ".join(str(r.type) for r in schema.returns)
        or any("file" in argument.name for argument in schema.arguments)
    ):
        raise InputError("a program may not call this op", got=repr(name), expected="an ATen op")
    return op


def _decode(value: Any, nodes: list[Any]) -> Any:
    if isinstance(value, list):
        return [_decode(item, nodes) for item in value]
    if not isinstance(value, dict):
        return value
    torch = require("torch", "torch")
    ((kind, name),) = value.items()
    if kind == "node":
        return nodes[name]
    if kind == "float":
        return float(name)
    if kind == "device":
        return torch.device(name)
    decoded = getattr(torch, name)
    if kind not in ("dtype", "layout", "memory_format") or not isinstance(
        decoded, getattr(torch, kind)
    ):
        raise InputError("bad argument in a program", got=value)
    return decoded
