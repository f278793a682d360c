"""If, Loop and Scan: their bodies are counted where they stand."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from picojoule.errors import TraceError
from picojoule.graph.count import macs
from picojoule.graph.ir import Op, Role
from picojoule.graph.onnx.scope import Scope
from picojoule.graph.onnx.values import Node, Value

if TYPE_CHECKING:
    from picojoule.graph.onnx.walk import Walk

__all__ = ["OPS", "run"]

OPS = frozenset({"If", "Loop", "Scan"})
_ENDLESS = 2**31  # exporters write a trip count of 2^63 - 1 for a while loop

Env = MutableMapping[str, Value]


def run(walk: Walk, proto: Any, node: Node, env: Env, scope: Scope) -> list[Value]:
    """Walk the bodies of a control-flow node; returns the node's outputs.

    Raises TraceError when a body is missing or doesn't fit its node.
    """
    graph_type = walk.onnx.AttributeProto.GRAPH
    graphs = {a.name: a.g for a in proto.attribute if a.type == graph_type}
    inner = scope.within(*walk.names.place(proto, scope))
    try:
        if node.op == "If":
            outs = _branch(walk, node, graphs, env, inner)
        elif node.op == "Loop":
            outs = _loop(walk, node, graphs["body"], env, inner)
        else:
            outs = _scan(walk, node, graphs["body"], env, inner)
    except (LookupError, TypeError, ValueError) as error:
        raise TraceError(f"malformed {node.op}: {error}", where=inner.prefix) from error
    return [v or Value() for v in outs]


def _branch(
    walk: Walk, node: Node, graphs: Mapping[str, Any], env: Env, scope: Scope
) -> Sequence[Value | None]:
    """The branch that is taken, or the one with more work when that depends on data."""
    condition = node.ins[0].array if node.ins[0] is not None else None
    if condition is not None:
        taken = graphs["then_branch" if condition.reshape(-1)[0] else "else_branch"]
        return walk.body(taken, ChainMap({}, env), scope)
    walk.notes[f"{scope.prefix}: If depends on data, its larger branch is counted"] = None
    tried = [_try(walk, graphs[key], env, scope) for key in ("then_branch", "else_branch")]
    outs, ops, edges = max(tried, key=lambda t: (sum(map(macs, t[1])), len(t[1])))
    walk.ops += ops
    walk.edges += edges
    return outs


def _try(
    walk: Walk, graph: Any, env: Env, scope: Scope
) -> tuple[Sequence[Value | None], list[Op], list[Any]]:
    """Walk a branch and take its ops back; both branches begin at the same index."""
    ops, edges = len(walk.ops), len(walk.edges)
    outs = walk.body(graph, ChainMap({}, env), scope)
    made = outs, walk.ops[ops:], walk.edges[edges:]
    del walk.ops[ops:], walk.edges[edges:]
    return made


def _loop(walk: Walk, node: Node, body: Any, env: Env, scope: Scope) -> list[Value | None]:
    """Inputs: trip count, condition, carried. Body outputs: condition, carried, collected."""
    limit = node.arg(0)
    trips = None if limit is None or limit.array is None else int(limit.array.reshape(-1)[0])
    if trips is None or not 0 <= trips < _ENDLESS:
        walk.notes[f"{scope.prefix}: Loop of unknown length, its body is counted once"] = None
        trips = 1
    types = walk.onnx.TensorProto
    carried = [_changing(v) for v in node.ins[2:]]
    values = [walk.tensor(types.INT64, []), walk.tensor(types.BOOL, []), *carried]
    outs = _repeat(walk, body, values, env, scope.times(trips))
    kept = 1 + len(carried)
    return [*outs[1:kept], *(_collected(walk, v, trips) for v in outs[kept:])]


def _scan(walk: Walk, node: Node, body: Any, env: Env, scope: Scope) -> list[Value | None]:
    """States, then inputs that are sliced along an axis; the body runs once per slice."""
    scanned = int(node.attrs["num_scan_inputs"])
    states = len(node.ins) - scanned
    axes = node.attrs.get("scan_input_axes") or [0] * scanned
    slices, trips = [], 1
    for value, axis in zip(node.ins[states:], axes, strict=True):
        sizes = list(value.sizes) if value is not None else []
        trips = sizes.pop(axis)
        slices.append(_resized(walk, value or Value(), sizes))
    values = [*(_changing(v) for v in node.ins[:states]), *slices]
    outs = _repeat(walk, body, values, env, scope.times(trips))
    return [*outs[:states], *(_collected(walk, v, trips) for v in outs[states:])]


def _repeat(
    walk: Walk, body: Any, values: Sequence[Value], env: Env, scope: Scope
) -> list[Value | None]:
    names = [i.name for i in body.input]
    return walk.body(body, ChainMap(dict(zip(names, values, strict=True)), env), scope)


def _changing(value: Value | None) -> Value:
    """A carried value: what its first content is does not hold later."""
    if value is None:
        return Value()
    return Value(value.type, value.shape, value.format, Role.INPUT, source=value.source)


def _resized(walk: Walk, value: Value, sizes: Sequence[int]) -> Value:
    """A value of the same type in another shape, made by the same op."""
    elem = 1 if value.type is None else value.type.tensor_type.elem_type
    made = walk.tensor(elem, sizes)
    made.source = value.source
    return made


def _collected(walk: Walk, value: Value | None, trips: int) -> Value | None:
    """What a loop collects of one output, along a new first axis."""
    if value is None or value.shape is None:
        return value
    return _resized(walk, value, (trips, *value.shape))
