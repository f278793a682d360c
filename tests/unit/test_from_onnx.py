"""ONNX files against counts by hand, PyTorch's own counter, and broken input."""

from __future__ import annotations

import importlib.util
import math
import random
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from picojoule.errors import PicojouleError, TraceError
from picojoule.formats import FP32, INT8, Int
from picojoule.graph import Graph, Kind, Role, count
from picojoule.graph.count import macs
from picojoule.graph.from_onnx import from_onnx

F, I8, U8, I32, I64 = (
    TensorProto.FLOAT, TensorProto.INT8, TensorProto.UINT8, TensorProto.INT32, TensorProto.INT64,
)  # fmt: skip
MS = "com.microsoft"


def info(name, shape, elem=F):
    return helper.make_tensor_value_info(name, elem, shape)


def const(name, shape, dtype=np.float32):
    return numpy_helper.from_array(np.zeros(shape, dtype), name)


def model(nodes, inputs, outputs=(), inits=(), opset=20, **more):
    """outputs: names, whose shapes the front end must find."""
    outs = [helper.make_empty_tensor_value_info(o) for o in outputs or nodes[-1].output[:1]]
    graph = helper.make_graph(nodes, "g", inputs, outs, list(inits))
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid(MS, 1)]
    return helper.make_model(graph, opset_imports=opsets, **more)


def one(
    op, inputs, inits=(), n_out=1, domain="", order=None, opset=23, dims=None, **attrs
) -> Graph:
    """The graph of a single node. order: its input names, when not inputs then initialisers."""
    names = order or [i.name for i in inputs] + [t.name for t in inits]
    outs = [f"y{i}" for i in range(n_out)]
    node = helper.make_node(op, names, outs, name="node", domain=domain, **attrs)
    return from_onnx(model([node], inputs, outs[:1], inits, opset), dims)


# ---------------------------------------------------------------- convolutions
CONVS = {
    "plain": ((2, 8, 14, 14), (16, 8, 3, 3), {"pads": [1] * 4}, 2 * 16 * 14 * 14 * 8 * 9),
    "stride": ((1, 8, 14, 14), (16, 8, 3, 3), {"strides": [2, 2]}, 16 * 6 * 6 * 8 * 9),
    "dilated": ((1, 8, 14, 14), (16, 8, 3, 3), {"dilations": [2, 2]}, 16 * 10 * 10 * 8 * 9),
    "grouped": ((1, 8, 14, 14), (16, 2, 3, 3), {"group": 4}, 16 * 12 * 12 * 2 * 9),
    "depthwise": ((1, 8, 14, 14), (8, 1, 3, 3), {"group": 8, "pads": [1] * 4}, 8 * 14 * 14 * 9),
    "1d": ((3, 4, 50), (6, 4, 5), {}, 3 * 6 * 46 * 4 * 5),
    "3d": ((1, 4, 6, 7, 8), (6, 4, 3, 3, 3), {}, 6 * 4 * 5 * 6 * 4 * 27),
}


@pytest.mark.parametrize("case", CONVS)
def test_conv(case):
    x, w, attrs, expected = CONVS[case]
    g = one("Conv", [info("x", x)], [const("w", w), const("b", w[:1])], **attrs)
    (op,) = g.ops
    assert (op.kind, macs(op)) == (Kind.CONV, expected)
    sizes = [op.elements(o) for o in op.operands]
    assert sizes[:3] == [math.prod(x), math.prod(w), w[0]]  # padding is not stored
    assert [o.role for o in op.operands] == [Role.INPUT, Role.WEIGHT, Role.WEIGHT, Role.OUTPUT]
    assert op.dims["g"] == attrs.get("group", 1)
    assert list(op.dims)[4:] == [*"pqu"[: len(w) - 2], *"rst"[: len(w) - 2]]


def test_depthwise_has_one_channel_per_group():
    x, w, attrs, _ = CONVS["depthwise"]
    (op,) = one("Conv", [info("x", x)], [const("w", w)], **attrs).ops
    assert (op.dims["g"], op.dims["k"], op.dims["c"]) == (8, 1, 1)


def test_windows_give_the_input_span():
    (op,) = one("Conv", [info("x", (1, 1, 11, 11))], [const("w", (1, 1, 3, 3))],
                strides=[2, 2], dilations=[2, 2]).ops  # fmt: skip
    window = op.operands[0].windows[0]
    assert (window.dim, window.kernel, window.stride, window.dilation) == ("p", "r", 2, 2)


def test_transposed_conv_counts_its_input_positions():
    g = one("ConvTranspose", [info("x", (2, 8, 5, 5))], [const("w", (8, 3, 4, 4))],
            strides=[2, 2], group=2)  # fmt: skip
    (op,) = g.ops
    assert macs(op) == 2 * 25 * 16 * 8 * 3
    assert op.elements(op.operands[-1]) == 2 * 6 * 12 * 12


# ------------------------------------------------------------- matrix products
@pytest.mark.parametrize(
    ("a", "b", "dims"),
    [
        ((3, 4), (4, 5), {"m": 3, "n": 5, "k": 4}),
        ((2, 7, 3, 4), (4, 5), {"m": 42, "n": 5, "k": 4}),
        ((2, 7, 3, 4), (2, 7, 4, 5), {"b": 14, "m": 3, "n": 5, "k": 4}),
        ((2, 7, 3, 4), (2, 1, 4, 5), {"b": 2, "m": 21, "n": 5, "k": 4}),
        ((1, 3, 4), (6, 4, 5), {"m": 3, "n": 30, "k": 4}),
        ((4,), (4, 5), {"m": 1, "n": 5, "k": 4}),
        ((3, 4), (4,), {"m": 3, "n": 1, "k": 4}),
        ((4,), (4,), {"m": 1, "n": 1, "k": 4}),
    ],
)
def test_matmul_broadcasting(a, b, dims):
    (op,) = one("MatMul", [info("a", a), info("b", b)]).ops
    assert dict(op.dims) == dims
    assert [op.elements(o) for o in op.operands[:2]] == [math.prod(a), math.prod(b)]


def test_gemm_transposes_and_reads_its_bias():
    (op,) = one("Gemm", [info("a", (4, 3))], [const("w", (5, 4)), const("c", (5,))],
                transA=1, transB=1).ops  # fmt: skip
    assert dict(op.dims) == {"m": 3, "n": 5, "k": 4}
    assert [op.elements(o) for o in op.operands] == [12, 20, 5, 15]


@pytest.mark.parametrize(
    ("equation", "a", "b", "expected", "kind"),
    [
        ("bij,bjk->bik", (2, 3, 4), (2, 4, 5), 2 * 3 * 4 * 5, Kind.MATMUL),
        ("bhid,bhjd->bhij", (2, 3, 4, 5), (2, 3, 6, 5), 2 * 3 * 4 * 6 * 5, Kind.MATMUL),
        ("...ij,jk->...ik", (2, 7, 3, 4), (4, 5), 2 * 7 * 3 * 4 * 5, Kind.MATMUL),
        ("abc,dc->abd", (2, 3, 4), (5, 4), 2 * 3 * 4 * 5, Kind.MATMUL),
        ("ij,jk", (3, 4), (4, 5), 3 * 4 * 5, Kind.MATMUL),
        ("i,j->ij", (3,), (4,), 0, Kind.ELEMENTWISE),
    ],
)
def test_einsum(equation, a, b, expected, kind):
    (op,) = one("Einsum", [info("a", a), info("b", b)], equation=equation).ops
    assert (macs(op), op.kind) == (expected, kind)


def test_einsum_of_three_tensors_is_one_nest():
    (op,) = one("Einsum", [info("a", (2, 3)), info("b", (3, 4)), info("c", (4, 5))],
                equation="ij,jk,kl->il").ops  # fmt: skip
    assert macs(op) == 2 * 3 * 4 * 5


# ------------------------------------------------------------------- quantised
def test_integer_products():
    scale = [const("s", ()), const("z", (), np.uint8)]
    x, w = info("x", (1, 8, 6, 6), U8), const("w", (4, 8, 3, 3), np.int8)
    conv = one("QLinearConv", [x], [*scale, w, const("ws", ()), const("wz", (), np.int8)],
               order=["x", "s", "z", "w", "ws", "wz", "s", "z"])  # fmt: skip
    assert macs(conv.ops[0]) == 4 * 16 * 8 * 9
    assert [o.format for o in conv.ops[0].operands] == [
        Int(8, signed=False),
        INT8,
        Int(8, signed=False),
    ]
    plain = one("ConvInteger", [x], [w])
    assert macs(plain.ops[0]) == 4 * 16 * 8 * 9
    assert plain.ops[0].operands[-1].format == Int(32)
    a, b = info("a", (2, 3), U8), const("b", (3, 4), np.uint8)
    linear = one("QLinearMatMul", [a], [*scale, b],
                 order=["a", "s", "z", "b", "s", "z", "s", "z"])  # fmt: skip
    assert macs(linear.ops[0]) == macs(one("MatMulInteger", [a], [b]).ops[0]) == 24
    gemm = one("QGemm", [a], [*scale, b, const("c", (4,), np.int32)], domain=MS,
               order=["a", "s", "z", "b", "s", "z", "c", "s", "z"])  # fmt: skip
    assert macs(gemm.ops[0]) == 24
    assert gemm.uncounted == ()


def test_dequantize_is_part_of_its_reader():
    s, z, wz = const("s", ()), const("z", (), np.uint8), const("wz", (), np.int8)
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "s", "wz"], ["wd"]),
        helper.make_node("Transpose", ["wd"], ["wt"]),
        helper.make_node("MatMul", ["xd", "wt"], ["y"]),
    ]
    g = from_onnx(model(nodes, [info("x", (2, 8))], inits=[s, z, wz, const("w", (4, 8), np.int8)]))
    quantize, product = g.ops
    assert quantize.kind is Kind.ELEMENTWISE
    assert [o.format.name for o in product.operands] == ["uint8", "int8", "float32"]
    assert [o.role for o in product.operands] == [Role.INPUT, Role.WEIGHT, Role.OUTPUT]
    assert "DequantizeLinear" in g.notes[0]


def test_four_bit_weights():
    g = one("MatMulNBits", [info("x", (2, 3, 64))],
            [const("w", (16, 2, 16), np.uint8), const("scales", (32,))],
            domain=MS, N=16, K=64, bits=4, block_size=32)  # fmt: skip
    (op,) = g.ops
    assert (macs(op), op.bytes_of(op.operands[1])) == (6 * 16 * 64, 16 * 64 / 2)


# ----------------------------------------------------- several contractions in one
@pytest.mark.parametrize(("op", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
@pytest.mark.parametrize("directions", [1, 2])
def test_recurrent(op, gates, directions):
    t, b, i, h = 7, 2, 5, 3
    way = {"direction": "bidirectional"} if directions == 2 else {}
    g = one(op, [info("x", (t, b, i))],
            [const("w", (directions, gates * h, i)), const("r", (directions, gates * h, h))],
            hidden_size=h, **way)  # fmt: skip
    assert count(g).macs == directions * t * b * gates * h * (i + h)
    assert [o.repeat for o in g.ops] == [1, t, t]
    assert count(g).weight_bytes == 4 * directions * gates * h * (i + h)


def _attention_macs(batch, heads, queries, keys, width):
    return 2 * batch * heads * queries * keys * width


def test_standard_attention_with_shared_heads_and_cache():
    q, k = info("q", (2, 8, 3, 16)), info("k", (2, 2, 3, 16))
    past = info("p", (2, 2, 10, 16))
    g = one("Attention", [q, k, past], order=["q", "k", "k", "", "p", "p"], n_out=3)
    assert count(g).macs == _attention_macs(2, 8, 3, 13, 16)
    by_label = {o.name.rpartition(".")[2]: o for o in g.ops}
    keys = by_label["scores"].operands[1]
    assert (keys.role, by_label["scores"].elements(keys)) == (Role.STATE, 2 * 2 * 10 * 16)
    assert by_label["scores"].operands[-1].on_chip
    flat = one("Attention", [info("q", (2, 3, 128)), info("k", (2, 3, 32))],
               order=["q", "k", "k"], q_num_heads=8, kv_num_heads=2)  # fmt: skip
    assert count(flat).macs == _attention_macs(2, 8, 3, 3, 16)


def test_fused_attention_of_onnx_runtime():
    x = info("x", (2, 5, 32))
    packed = one(
        "Attention", [x], [const("w", (32, 96)), const("b", (96,))], domain=MS, num_heads=4
    )
    assert count(packed).macs == 2 * 5 * 32 * 96 + _attention_macs(2, 4, 5, 5, 8)
    multi = one("MultiHeadAttention", [x], order=["x", "x", "x"], domain=MS, num_heads=4)
    assert count(multi).macs == _attention_macs(2, 4, 5, 5, 8)
    group = one("GroupQueryAttention", [x, info("k", (2, 5, 16)), info("p", (2, 2, 9, 8))],
                order=["x", "k", "k", "p", "p"], domain=MS,
                num_heads=4, kv_num_heads=2)  # fmt: skip
    assert count(group).macs == _attention_macs(2, 4, 5, 14, 8)
    assert not (*packed.uncounted, *multi.uncounted, *group.uncounted)


def test_fused_ops_of_onnx_runtime_keep_shapes_flowing():
    nodes = [
        helper.make_node("FusedMatMul", ["x", "w"], ["a"], domain=MS, transB=1),
        helper.make_node("BiasGelu", ["a", "b"], ["c"], domain=MS),
        helper.make_node("SkipLayerNormalization", ["c", "c", "b", "b"], ["d"], domain=MS),
        helper.make_node("MatMul", ["d", "w"], ["y"]),
    ]
    inits = [const("w", (16, 8)), const("b", (16,))]
    g = from_onnx(model(nodes, [info("x", (2, 3, 8))], inits=inits,
                        opset=17))  # fmt: skip
    assert [o.kind for o in g.ops] == [Kind.MATMUL, Kind.ELEMENTWISE, Kind.NORM, Kind.MATMUL]
    assert count(g).macs == 2 * 6 * 8 * 16
    conv = one("FusedConv", [info("x", (1, 4, 6, 6))], [const("w", (8, 4, 3, 3))], domain=MS,
               activation="Relu")  # fmt: skip
    assert macs(conv.ops[0]) == 8 * 16 * 4 * 9


# ---------------------------------------------------------------- everything else
@pytest.mark.parametrize(
    ("op", "inputs", "attrs", "kind", "vector_ops"),
    [
        ("Softmax", [(2, 3)], {}, Kind.SOFTMAX, 30),
        ("LayerNormalization", [(2, 3), (3,), (3,)], {}, Kind.NORM, 30),
        ("Add", [(2, 3), (3,)], {}, Kind.ELEMENTWISE, 6),
        ("ReduceSum", [(2, 3)], {}, Kind.REDUCE, 6),
        ("MaxPool", [(1, 2, 6, 6)], {"kernel_shape": [2, 2], "strides": [2, 2]}, Kind.POOL, 72),
        ("GlobalAveragePool", [(1, 2, 6, 6)], {}, Kind.POOL, 72),
        ("Transpose", [(2, 3)], {}, Kind.COPY, 0),
        ("Relu", [(2, 3)], {}, Kind.ELEMENTWISE, 6),
    ],
)
def test_streamed_ops(op, inputs, attrs, kind, vector_ops):
    g = one(op, [info(f"x{i}", s) for i, s in enumerate(inputs)], **attrs)
    assert g.ops[0].kind is kind
    assert count(g).vector_ops == vector_ops
    read = sum(o.stored or 0 for o in g.ops[0].operands if o.role is Role.INPUT)
    assert read == sum(math.prod(s) for s in inputs)


def test_gather_reads_rows_and_topk_sorts():
    g = one("Gather", [info("i", (2, 5), I64)], [const("table", (1000, 16))], order=["table", "i"])
    (op,) = g.ops
    assert (op.kind, op.bytes_of(op.operands[0])) == (Kind.GATHER, 2 * 5 * 16 * 4)
    k = numpy_helper.from_array(np.array([3]), "k")
    assert one("TopK", [info("x", (2, 9))], [k], n_out=2).ops[0].kind is Kind.SORT


def test_views_and_shape_arithmetic_are_no_ops_and_edges_pass_through():
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Shape", ["a"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n"]),
        helper.make_node("Mul", ["n", "two"], ["n2"]),
        helper.make_node("Concat", ["n2", "minus"], ["target"], axis=0),
        helper.make_node("Reshape", ["a", "target"], ["b"]),
        helper.make_node("Unsqueeze", ["b", "zero"], ["c"]),
        helper.make_node("Identity", ["c"], ["d"]),
        helper.make_node("MatMul", ["d", "w"], ["y"]),
    ]
    inits = [numpy_helper.from_array(np.array([v]), n)
             for n, v in (("zero", 0), ("two", 2), ("minus", -1))]  # fmt: skip
    g = from_onnx(
        model(nodes, [info("x", ("batch", 8))], inits=[*inits, const("w", (4, 5))]), {"batch": 6}
    )
    assert [o.kind for o in g.ops] == [Kind.ELEMENTWISE, Kind.MATMUL]
    assert dict(g.ops[1].dims) == {"m": 12, "n": 5, "k": 4}
    assert [(e.source, e.target, e.operand) for e in g.edges] == [(0, 1, 0)]


def test_work_on_constants_is_done_at_load():
    nodes = [
        helper.make_node("Transpose", ["w"], ["wt"]),
        helper.make_node("Mul", ["wt", "wt"], ["w2"]),
        helper.make_node("MatMul", ["x", "w2"], ["y"]),
    ]
    g = from_onnx(model(nodes, [info("x", (2, 100))], inits=[const("w", (100, 100))]))
    (op,) = g.ops
    assert op.operands[1].role is Role.WEIGHT


def test_unknown_ops_are_priced_by_bytes_and_listed():
    g = one("Mystery", [info("x", (2, 3))], [const("w", (5,))], domain="org.example")
    (op,) = g.uncounted
    assert op.kind is Kind.CUSTOM
    assert sum(op.bytes_of(o) for o in op.operands) == 4 * (6 + 5)
    assert "org.example.Mystery" in g.notes[0]


def test_declared_shapes_help_behind_unknown_ops():
    nodes = [helper.make_node("Mystery", ["x"], ["a"], domain="org.example"),
             helper.make_node("MatMul", ["a", "w"], ["y"])]  # fmt: skip
    m = model(nodes, [info("x", ("n", 3))], inits=[const("w", (4, 5))])
    m.graph.value_info.append(info("a", ("n", 4)))
    assert count(from_onnx(m, {"n": 7})).macs == 7 * 4 * 5


def test_a_shape_that_depends_on_data_is_noted():
    nodes = [helper.make_node("NonZero", ["x"], ["a"]), helper.make_node("Neg", ["a"], ["y"])]
    g = from_onnx(model(nodes, [info("x", (2, 3))]))
    assert {o.kind for o in g.ops} == {Kind.CUSTOM}
    assert any("onnx.Neg" in n and "depends on data" in n for n in g.notes)


# ---------------------------------------------------------------- control flow
def _body(nodes, inputs, outputs):
    outs = [helper.make_empty_tensor_value_info(o) for o in outputs]
    return helper.make_graph(nodes, "body", inputs, outs)


def _loop(trips):
    body = _body(
        [helper.make_node("MatMul", ["h", "w"], ["h2"], name="step"),
         helper.make_node("Identity", ["go"], ["go2"])],
        [info("i", (), I64), info("go", (), TensorProto.BOOL), info("h", (2, 4))],
        ["go2", "h2", "h2"],
    )  # fmt: skip
    node = helper.make_node("Loop", ["trips", "", "x"], ["y", "all"], name="loop", body=body)
    inits = [const("w", (4, 4))]
    inputs = [info("x", (2, 4))]
    if trips is None:
        inputs.append(info("trips", (), I64))
    else:
        inits.append(numpy_helper.from_array(np.array(trips), "trips"))
    return from_onnx(model([node], inputs, ["y", "all"], inits))


def test_loop_bodies_repeat():
    g = _loop(6)
    assert (g.ops[0].repeat, count(g).macs, g.notes) == (6, 6 * 2 * 4 * 4, ())
    assert g.ops[0].name == "loop.step"
    assert g.ops[0].operands[1].role is Role.WEIGHT


@pytest.mark.parametrize("trips", [None, 2**63 - 1])
def test_loops_without_a_count_are_noted(trips):
    g = _loop(trips)
    assert (g.ops[0].repeat, len(g.notes)) == (1, 1)


def test_if_takes_the_known_branch_or_the_larger():
    small = _body([helper.make_node("Relu", ["x"], ["a"])], [], ["a"])
    large = _body([helper.make_node("MatMul", ["x", "x"], ["b"])], [], ["b"])
    node = helper.make_node("If", ["c"], ["y"], then_branch=small, else_branch=large)
    x, flag = info("x", (4, 4)), info("c", (), TensorProto.BOOL)
    unknown = from_onnx(model([node, helper.make_node("Neg", ["y"], ["z"])], [x, flag]))
    assert [o.kind for o in unknown.ops] == [Kind.MATMUL, Kind.ELEMENTWISE]
    assert [(e.source, e.target) for e in unknown.edges] == [(0, 1)]
    assert "larger branch" in unknown.notes[0]
    true = numpy_helper.from_array(np.array(True), "c")
    known = from_onnx(model([node], [x], inits=[true]))
    assert ([o.kind for o in known.ops], known.notes) == ([Kind.ELEMENTWISE], ())


def test_scan_runs_once_per_slice():
    body = _body([helper.make_node("MatMul", ["h", "w"], ["h2"]),
                  helper.make_node("Add", ["h2", "s"], ["o"])],
                 [info("h", (2, 4)), info("s", (2, 4))], ["h2", "o"])  # fmt: skip
    node = helper.make_node("Scan", ["x", "xs"], ["y", "ys"], num_scan_inputs=1, body=body)
    g = from_onnx(model([node], [info("x", (2, 4)), info("xs", (9, 2, 4))], ["y", "ys"],
                        [const("w", (4, 4))]))  # fmt: skip
    assert count(g).macs == 9 * 2 * 4 * 4


def test_functions_of_the_model_are_written_out_unless_they_recurse():
    opset = [helper.make_opsetid("", 20)]
    body = [helper.make_node("MatMul", ["p", "q"], ["r"])]
    f = helper.make_function("mine", "F", ["p", "q"], ["r"], body, opset)
    call = helper.make_node("F", ["x", "w"], ["y"], domain="mine")
    m = model([call], [info("x", (2, 3))], inits=[const("w", (3, 4))], functions=[f])
    m.opset_import.append(helper.make_opsetid("mine", 1))
    assert count(from_onnx(m)).macs == 24
    f.node[0].CopyFrom(helper.make_node("F", ["p", "q"], ["r"], domain="mine"))
    m.functions[0].CopyFrom(f)
    with pytest.raises(TraceError, match="calls itself"):
        from_onnx(m)


def test_functions_that_double_are_refused_before_they_grow():
    opset = [helper.make_opsetid("", 20), helper.make_opsetid("mine", 1)]
    fs = []
    for i in range(40):
        step = {"op_type": "Neg"} if i == 0 else {"op_type": f"F{i - 1}", "domain": "mine"}
        body = [helper.make_node(inputs=["p"], outputs=["q"], **step),
                helper.make_node(inputs=["q"], outputs=["r"], **step)]  # fmt: skip
        fs.append(helper.make_function("mine", f"F{i}", ["p"], ["r"], body, opset))
    m = model(
        [helper.make_node("F39", ["x"], ["y"], domain="mine")], [info("x", (2,))], functions=fs
    )
    with pytest.raises(TraceError, match="too many nodes"):
        from_onnx(m)


# ---------------------------------------------------------------- dynamic axes
def test_dynamic_axes_are_asked_for_by_name():
    m = model([helper.make_node("MatMul", ["x", "w"], ["y"])], [info("x", ("batch", "seq", 8))],
              inits=[const("w", (8, 4))])  # fmt: skip
    with pytest.raises(TraceError, match="batch, seq") as caught:
        from_onnx(m)
    assert 'dims={"batch": 1, "seq": 1}' in str(caught.value)
    assert "--dim batch=1 --dim seq=1" in str(caught.value)
    assert count(from_onnx(m, {"batch": 2, "seq": 3})).macs == 6 * 32
    with pytest.raises(TraceError, match="did you mean batch"):
        from_onnx(m, {"batch": 2, "seq": 3, "batches": 1})
    for wrong in (0, -1, 2.0, True):
        with pytest.raises(TraceError, match="batch has a wrong size"):
            from_onnx(m, {"batch": wrong, "seq": 3})


def test_an_axis_without_a_name_is_called_by_its_place():
    m = model([helper.make_node("Relu", ["x"], ["y"])], [info("x", (None, 8))])
    with pytest.raises(TraceError, match=r"x\.0"):
        from_onnx(m)
    assert count(from_onnx(m, {"x.0": 3})).vector_ops == 24


def test_sizes_that_do_not_fit_name_the_node():
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="fc")
    m = model([node], [info("x", (2, "d"))], inits=[const("w", (8, 4))])
    with pytest.raises(TraceError, match="MatMul fc"):
        from_onnx(m, {"d": 5})


# ---------------------------------------------------------------- hostile files
def _saved(tmp_path: Path) -> Path:
    path = tmp_path / "m.onnx"
    nodes = [helper.make_node("MatMul", ["x", "w"], ["a"]), helper.make_node("Relu", ["a"], ["y"])]
    onnx.save(model(nodes, [info("x", (2, 8))], inits=[const("w", (8, 4))]), path)
    return path


def test_missing_broken_and_large_files(tmp_path):
    path = _saved(tmp_path)
    assert from_onnx(path).name == "m"
    assert from_onnx(str(path), name="mine").name == "mine"
    with pytest.raises(TraceError, match="no such ONNX file"):
        from_onnx(tmp_path / "absent.onnx")
    with pytest.raises(TraceError, match="raise max_bytes"):
        from_onnx(path, max_bytes=100)
    with pytest.raises(TraceError, match="expected a path"):
        from_onnx(42)
    whole = path.read_bytes()
    for content in (b"", b"not a model at all", whole[: len(whole) // 2], whole[:-3]):
        path.write_bytes(content)
        with pytest.raises(TraceError) as caught:
            from_onnx(path)
        assert "fix:" in str(caught.value)


def test_damaged_files_raise_only_our_errors(tmp_path):
    path, rng = _saved(tmp_path), random.Random(0)  # noqa: S311
    whole, said = path.read_bytes(), []
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(rng.choice([1, 2, 8])):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data)
        try:
            from_onnx(path)
        except PicojouleError as error:
            said.append(str(error))
    assert all(said)


def test_external_weights_are_not_read(tmp_path):
    path = _saved(tmp_path)
    m = onnx.load(path)
    w = m.graph.initializer[0]
    w.ClearField("raw_data")
    w.data_location = TensorProto.EXTERNAL
    w.dims[:] = [8, 100_000]
    w.external_data.add(key="location", value="absent.bin")
    onnx.save(m, path)
    assert count(from_onnx(path)).macs == 2 * 8 * 100_000
    w.dims[:] = [8, 4]  # small enough to be read, and outside the folder
    w.external_data[0].value = "../secret.bin"
    path.write_bytes(m.SerializeToString())
    with pytest.raises(TraceError, match="outside the model's folder"):
        from_onnx(path)


def test_small_external_shapes_are_read_inside_the_folder(tmp_path):
    shape = numpy_helper.from_array(np.array([4, 4], np.int64), "s")
    (tmp_path / "data.bin").write_bytes(b"\0" * 8 + shape.raw_data)
    shape.ClearField("raw_data")
    shape.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "data.bin"), ("offset", "8"), ("length", "16")):
        shape.external_data.add(key=key, value=value)
    nodes = [helper.make_node("Reshape", ["x", "s"], ["a"]),
             helper.make_node("MatMul", ["a", "a"], ["y"])]  # fmt: skip
    path = tmp_path / "m.onnx"
    path.write_bytes(model(nodes, [info("x", (2, 8))], inits=[shape]).SerializeToString())
    assert count(from_onnx(path)).macs == 64


def test_huge_computed_shapes_cost_nothing():
    big = numpy_helper.from_array(np.array([10**6, 10**6]), "s")
    nodes = [helper.make_node("ConstantOfShape", ["s"], ["a"]),
             helper.make_node("MatMul", ["x", "a"], ["y"])]  # fmt: skip
    g = from_onnx(model(nodes, [info("x", (2, 10**6))], inits=[big]))
    assert count(g).macs == 2 * 10**12


# ---------------------------------------------------------------- real exporters
class _Conv(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.body = nn.Sequential(
            nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8), nn.ReLU(),
            nn.Conv2d(8, 16, 3, groups=4), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        )  # fmt: skip
        self.up = nn.ConvTranspose2d(16, 6, 4, stride=2, groups=2)
        self.head = nn.Linear(6, 10)

    def forward(self, x):
        return self.head(self.up(self.body(self.stem(x))).mean((2, 3)))


class _Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.qkv, self.out = nn.LayerNorm(32), nn.Linear(32, 96), nn.Linear(32, 32)
        self.mlp = nn.Sequential(nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 32))

    def forward(self, x):
        b, s, _ = x.shape
        q, k, v = self.qkv(self.norm(x)).view(b, s, 3, 4, 8).permute(2, 0, 3, 1, 4)
        y = nn.functional.scaled_dot_product_attention(q, k, v)
        x = x + self.out(y.transpose(1, 2).reshape(b, s, 32))
        return x + self.mlp(x)


class _Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(50, 32)
        self.layers = nn.ModuleList(_Block() for _ in range(2))

    def forward(self, ids):
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x)
        return x @ self.embed.weight.T


def _reference(net, *inputs) -> int:
    """MACs by PyTorch's own counter, on meta (on CPU it misses attention)."""
    net, inputs = net.to("meta"), [i.to("meta") for i in inputs]
    with FlopCounterMode(display=False) as counter:
        net(*inputs)
    return counter.get_total_flops() // 2


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.filterwarnings("ignore:The feature will be removed:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*legacy TorchScript:DeprecationWarning")
@pytest.mark.parametrize(
    ("build", "example", "axes", "dims"),
    [
        (_Conv, torch.zeros(1, 3, 32, 32), {0: "batch"}, {"batch": 4}),
        (_Transformer, torch.zeros(1, 7, dtype=torch.long), {0: "b", 1: "s"}, {"b": 3, "s": 11}),
    ],
)
def test_torchscript_export_agrees_with_torch(build, example, axes, dims, tmp_path):
    net = build().eval()
    path = tmp_path / "net.onnx"
    torch.onnx.export(net, (example,), path, dynamo=False, input_names=["x"],
                      dynamic_axes={"x": axes})  # fmt: skip
    shape = [dims[axes[i]] if i in axes else n for i, n in enumerate(example.shape)]
    g = from_onnx(path, dims)
    assert count(g).macs == _reference(net, torch.zeros(shape, dtype=example.dtype))
    assert g.uncounted == ()
    if build is _Transformer:
        assert any(o.module == "layers.1.mlp.0" and o.kind is Kind.MATMUL for o in g.ops)


@pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec:FutureWarning")
def test_dynamo_export_agrees_with_torch_and_keeps_the_module_tree(tmp_path):
    net, example = _Transformer().eval(), torch.zeros(2, 7, dtype=torch.long)
    path = tmp_path / "net.onnx"
    torch.onnx.export(net, (example,), dynamo=True, verbose=False,
                      dynamic_shapes=({0: "b", 1: "s"},)).save(path)  # fmt: skip
    g = from_onnx(path, {"b": 3, "s": 11})
    assert count(g).macs == _reference(net, torch.zeros(3, 11, dtype=torch.long))
    assert g.modules["layers.1.mlp.0"] == "Linear"
    assert any(o.module == "layers.1.mlp.0" and o.kind is Kind.MATMUL for o in g.ops)


class _OneBatch:
    """Calibration data of one batch, as ONNX Runtime's quantiser asks for it."""

    def __init__(self):
        self.left = [{"x": np.ones((2, 3, 8, 8), np.float32)}]

    def get_next(self):
        return self.left.pop() if self.left else None


@pytest.mark.parametrize("style", ["dynamic", "QDQ", "QOperator"])
def test_files_quantised_by_onnx_runtime_keep_their_macs(style, tmp_path):
    quantization = pytest.importorskip("onnxruntime.quantization")
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name="conv"),
        helper.make_node("Relu", ["a"], ["b"], name="relu"),
        helper.make_node("GlobalAveragePool", ["b"], ["c"], name="pool"),
        helper.make_node("Flatten", ["c"], ["d"], name="flat"),
        helper.make_node("Gemm", ["d", "v", "bias"], ["y"], name="fc"),
    ]
    inits = [const("w", (16, 3, 3, 3)), const("v", (16, 10)), const("bias", (10,))]
    m = model(nodes, [info("x", (2, 3, 8, 8))], inits=inits, opset=17, ir_version=8)
    m.graph.output[0].CopyFrom(info("y", (2, 10)))
    plain, path = tmp_path / "plain.onnx", tmp_path / "int8.onnx"
    onnx.save(m, plain)
    if style == "dynamic":
        quantization.quantize_dynamic(plain, path)
    else:
        form = getattr(quantization.QuantFormat, style)
        quantization.quantize_static(plain, path, _OneBatch(), quant_format=form)
    before, after = from_onnx(plain), from_onnx(path)
    assert count(after).macs == count(before).macs == 2 * (36 * 16 * 27 + 160)
    assert count(after).weight_bytes < count(before).weight_bytes / 2
    assert after.uncounted == ()
    products = [op for op in after.ops if op.kind in (Kind.CONV, Kind.MATMUL)]
    assert {o.format.bits_per_element() for op in products for o in op.operands[:2]} == {8.0}


def test_files_bound_to_one_cpu_are_refused():
    node = helper.make_node("Conv", ["x", "w"], ["y"], domain="com.microsoft.nchwc")
    with pytest.raises(TraceError, match="ORT_ENABLE_EXTENDED"):
        from_onnx(model([node], [info("x", (1, 8, 8, 8))], inits=[const("w", (8, 8, 3, 3))]))


@pytest.mark.skipif(importlib.util.find_spec("magika") is None, reason="needs magika")
def test_a_real_model_is_counted_in_full():
    spec = importlib.util.find_spec("magika")
    assert spec is not None
    assert spec.origin is not None
    (path,) = Path(spec.origin).parent.glob("models/standard_v3_3/model.onnx")
    g = from_onnx(path, {"unk__214": 2})
    once = from_onnx(path, {"unk__214": 1})
    assert g.uncounted == ()
    assert (count(g).macs, count(g).weight_bytes) == (
        2 * count(once).macs,
        count(once).weight_bytes,
    )
    # One-hot bytes to 64, a convolution of width 5 from 256 to 512 channels, 214 file types.
    assert count(once).macs == 2048 * 257 * 64 + 508 * 5 * 256 * 512 + 512 * 214
    assert count(g).weight_bytes < path.stat().st_size
    assert all(o.format == FP32 for op in g.ops for o in op.operands if op.kind is Kind.CONV)
