"""A Graph from an ONNX file, without its weights.

The file is read as what an ONNX runtime executes: work on constants is done at load and is no op,
views are no ops, and DequantizeLinear is part of what reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from picojoule.graph.ir import Graph
from picojoule.graph.onnx.load import MAX_BYTES, bind, load
from picojoule.graph.onnx.walk import Walk

__all__ = ["from_onnx"]


def from_onnx(
    model: str | Path | Any,
    dims: Mapping[str, int] | None = None,
    name: str | None = None,
    *,
    max_bytes: int = MAX_BYTES,
) -> Graph:
    """The ops of one run of an ONNX model.

    model: a path, or an onnx.ModelProto. dims: sizes of the dynamic axes, by their names in the
    file. max_bytes: the largest file to read (1 GiB); weights in external files are never read.
    Raises TraceError for a file that is missing, too large or broken, for dynamic axes that are
    not given, and for sizes that don't fit together; MissingExtra without onnx.
    """
    proto, folder = load(model, max_bytes)
    walk = Walk(proto, dims or {}, folder)
    walk.run(proto.graph, bind(proto.graph, dims or {}))
    stem = Path(model).stem if isinstance(model, str | Path) else ""
    title = name or stem or proto.graph.name or "onnx"
    return Graph(title, tuple(walk.ops), tuple(walk.edges), walk.names.modules, tuple(walk.notes))
