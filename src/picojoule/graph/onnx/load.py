"""Reading an ONNX file that may be hostile: sizes first, no weights, nothing outside its folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from picojoule.errors import TraceError, nearest
from picojoule.extras import require

__all__ = ["MAX_BYTES", "bind", "load", "small_array"]

MAX_BYTES = 2**30
# Shape computations work on vectors of a few numbers; larger constants are weights.
SMALL = 4096
# Nodes after local functions are written out; a file of a few kB can ask for 2^60.
_MAX_NODES = 2_000_000


def load(source: Any, max_bytes: int) -> tuple[Any, Path | None]:
    """The ModelProto of a path, or `source` itself, and the folder of its external data.

    Weights kept outside the file are not read. Raises TraceError when the file is missing, larger
    than `max_bytes`, or no ONNX model.
    """
    onnx = require("onnx", "deploy")
    if isinstance(source, onnx.ModelProto):
        return _checked(source), None
    if not isinstance(source, str | Path):
        got = type(source).__name__
        raise TraceError("not an ONNX model", got=got, expected="a path or a ModelProto")
    path = Path(source)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(_read(path, max_bytes))
    except (require("google.protobuf.message", "deploy").DecodeError, RecursionError) as error:
        raise _broken(path, f"not an ONNX model, or cut short ({error})") from None
    if not model.graph.node:
        raise _broken(path, "an ONNX model without nodes")
    return _checked(model), path.parent


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        if not path.is_file():
            raise TraceError("no such ONNX file", where=str(path), fix="check the path")
        if (size := path.stat().st_size) > max_bytes:
            raise TraceError(
                "the ONNX file is larger than the limit", where=str(path),
                got=f"{size} bytes", expected=f"at most {max_bytes}",
                fix="save its weights as external data, which are not read, or raise max_bytes",
            )  # fmt: skip
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise TraceError(f"can't read the ONNX file: {error}", where=str(path)) from None


def _broken(path: Path, what: str) -> TraceError:
    return TraceError(what, where=str(path), fix="export it again, or copy it again")


def _checked(model: Any) -> Any:
    """The model without calls of its own functions, and not bound to one CPU's memory layout."""
    if any(node.domain == "com.microsoft.nchwc" for node in model.graph.node):
        raise TraceError(
            "ONNX Runtime has optimised this file for one CPU; its layout can't be read",
            fix="give the file from before, or one optimised at level ORT_ENABLE_EXTENDED",
        )
    return _inlined(model)


def _inlined(model: Any) -> Any:
    """Calls of the model's own functions, written out."""
    if not model.functions:
        return model
    bodies = {(f.domain, f.name): f for f in model.functions}
    size = _size(model.graph.node, bodies, {}, ())
    if size > _MAX_NODES:
        raise TraceError("its functions expand to too many nodes", got=size, expected=_MAX_NODES)
    return require("onnx.inliner", "deploy").inline_local_functions(model)


def _size(
    nodes: Any, bodies: Mapping[Any, Any], known: dict[Any, int], inside: tuple[Any, ...]
) -> int:
    """Nodes after inlining. Raises TraceError for a function that calls itself."""
    total = 0
    for node in nodes:
        key = (node.domain, node.op_type)
        if key in inside:
            raise TraceError("a function of the model calls itself", where=node.op_type)
        if key in bodies and key not in known:
            known[key] = _size(bodies[key].node, bodies, known, (*inside, key))
        total += known.get(key, 1)
    return total


def bind(graph: Any, dims: Mapping[str, int]) -> dict[str, Any]:
    """Types of the graph's inputs with every axis fixed by `dims`.

    A dynamic axis is called by its name in the file, or 'input.axis' when it has none there.
    Raises TraceError when one is not given, when a given one is not in the file, or is not ≥ 1.
    """
    for name, size in dims.items():
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise TraceError(
                f"dynamic axis {name} has a wrong size", got=repr(size), expected="a number ≥ 1"
            )
    fixed = {t.name for t in graph.initializer}
    inputs = {i.name: type(i.type).FromString(i.type.SerializeToString())
              for i in graph.input if i.name not in fixed}  # fmt: skip
    wanted = dict.fromkeys(axis for n, t in inputs.items() for axis in _bind_one(n, t, dims))
    if extra := sorted(set(dims) - set(wanted)):
        raise TraceError(f"the model has no dynamic axis {extra[0]}", fix=_hint(extra[0], wanted))
    if missing := [axis for axis in wanted if axis not in dims]:
        given = ", ".join(f'"{m}": 1' for m in missing)
        flags = " ".join(f"--dim {m}=1" for m in missing)
        raise TraceError(
            f"sizes of dynamic axes are not given: {', '.join(missing)}",
            fix=f"dims={{{given}}}, or on the command line {flags}, with your sizes",
        )
    return inputs


def _hint(name: str, wanted: Mapping[str, Any]) -> str:
    return nearest(name, wanted) if wanted else "leave dims out: all its axes are fixed"


def _bind_one(name: str, type_proto: Any, dims: Mapping[str, int]) -> list[str]:
    """Fix the axes of one input in place; the names of its dynamic ones."""
    names: list[str] = []
    if not type_proto.HasField("tensor_type"):
        return names
    for i, d in enumerate(type_proto.tensor_type.shape.dim):
        if d.dim_value <= 0:  # old exporters write 0 or -1 for an axis that is not fixed
            names.append(str(d.dim_param) or f"{name}.{i}")
            if (size := dims.get(names[-1])) is not None:
                d.dim_value = size
    return names


def small_array(tensor: Any, folder: Path | None) -> Any:
    """The content of a small constant as a numpy array; None for a large or unreadable one.

    External data are read only for small constants, and only inside the model's folder.
    Raises TraceError for a size below 0.
    """
    onnx = require("onnx", "deploy")
    if any(d < 0 for d in tensor.dims):
        raise TraceError("a constant has a negative size", where=tensor.name, got=list(tensor.dims))
    count = 1
    for d in tensor.dims:
        count *= d
    if count > SMALL or tensor.data_type == onnx.TensorProto.STRING:
        return None
    try:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            tensor = _with_external(tensor, folder)
        return None if tensor is None else onnx.numpy_helper.to_array(tensor)
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise TraceError(f"a constant can't be read: {error}", where=tensor.name) from None


def _with_external(tensor: Any, folder: Path | None) -> Any:
    if folder is None:
        return None
    entry = {e.key: e.value for e in tensor.external_data}
    root = folder.resolve()
    path = (root / entry["location"]).resolve()
    if not path.is_relative_to(root):
        raise TraceError(
            "external data outside the model's folder", where=tensor.name, got=str(path)
        )
    length = int(entry.get("length", SMALL * 16))
    if not path.is_file() or not 0 <= length <= SMALL * 16:
        return None
    copy = type(tensor)()
    copy.CopyFrom(tensor)
    copy.data_location = 0
    with path.open("rb") as file:
        file.seek(int(entry.get("offset", 0)))
        copy.raw_data = file.read(length)
    return copy
