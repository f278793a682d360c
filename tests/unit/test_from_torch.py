"""Counts of PyTorch models: against PyTorch's own counter, against references, and invariances."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import picojoule as pj
from picojoule.errors import TraceError
from picojoule.graph import Kind, Phase, Role, count
from picojoule.graph.count import macs

transformers = pytest.importorskip("transformers")


def oracle_macs(model, inputs, training=False) -> int:
    """PyTorch's counter on the meta device, where it is right (it drops attention on CPU)."""
    inputs = tuple(torch.empty_like(x, device="meta") for x in inputs)
    with FlopCounterMode(display=False) as counter:
        out = model.to("meta")(*inputs)
        if training:
            out.sum().backward()
    return counter.get_total_flops() // 2


class Mixed(nn.Module):
    """Grouped, strided, dilated, depthwise, transposed and 1-d convolutions, and a shared layer."""

    def __init__(self, groups: int = 2) -> None:
        super().__init__()
        self.a = nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=groups)
        self.b = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8 if groups > 1 else 1)
        self.up = nn.ConvTranspose2d(8, 6, 4, stride=2, padding=1, groups=groups)
        self.line = nn.Conv1d(6, 5, 3)
        self.shared = nn.Linear(30, 30)
        self.head = nn.Linear(30, 7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.line(self.up(self.b(self.a(x))).flatten(2))[:, :, :6].flatten(1)
        return self.head(self.shared(self.shared(y)).relu())


class Attends(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("build", [lambda: Mixed(1), Attends], ids=["conv", "attention"])
def test_macs_equal_pytorchs_counter(build, training):
    x = torch.zeros((2, 10, 32) if build is Attends else (2, 4, 16, 16))
    graph = pj.trace(build(), x, training=training)
    assert count(graph).macs == oracle_macs(build(), (x,), training)
    assert graph.uncounted == ()


def test_grouped_convolution_costs_the_same_forward_and_for_each_gradient():
    # PyTorch's counter takes the gradient of a grouped weight for a dense one: g times too much.
    graph = pj.trace(Mixed(), torch.zeros(1, 4, 16, 16), training=True)
    for module in ("b", "up", "line"):
        products = [macs(op) for op in graph.ops if op.module == module and op.kind is Kind.CONV]
        assert len(products) == 3
        assert len(set(products)) == 1


def hf(name, **config):
    """A function that builds a Hugging Face model from a config, for pj.trace."""
    model, conf = getattr(transformers, name[0]), getattr(transformers, name[1])
    return lambda: model(conf(**config))


IMAGE = torch.zeros(1, 3, 224, 224)
RESNET = hf(("ResNetForImageClassification", "ResNetConfig"), num_labels=1000)
VIT = ("ViTForImageClassification", "ViTConfig")


def test_resnet50_is_4_09_gmac_and_24_30_gflop_to_train():
    forward, step = pj.trace(RESNET, IMAGE), pj.trace(RESNET, IMAGE, training=True)
    assert round(count(forward).macs / 1e9, 2) == 4.09
    assert round(count(step).flops / 1e9, 2) == 24.30
    assert count(step, [Phase.FORWARD]).macs == count(forward).macs
    adds = [op for op in forward.ops if op.target.startswith("aten.add_")]
    assert adds
    assert all(op.kind is Kind.ELEMENTWISE for op in adds)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_vit_b16_is_17_56_gmac_with_either_attention(attention):
    graph = pj.trace(hf(VIT, num_labels=1000, attn_implementation=attention), IMAGE)
    assert round(count(graph).macs / 1e9, 2) == 17.56


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_llama_2_7b_512_tokens_is_3451_5_gmac_without_weights(attention):
    shape = {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
             "num_attention_heads": 32, "vocab_size": 32000, "use_cache": False}  # fmt: skip
    build = hf(("LlamaForCausalLM", "LlamaConfig"), attn_implementation=attention, **shape)
    graph = pj.trace(build, torch.zeros(1, 512, dtype=torch.long))
    assert round(count(graph).macs / 1e9, 1) == 3451.5
    assert graph.uncounted == ()


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("build", [Mixed, Attends], ids=["conv", "attention"])
def test_counts_do_not_depend_on_device_or_on_real_tensors(build, training):
    x = torch.zeros((2, 4, 16, 16) if build is Mixed else (2, 10, 32))
    fake = count(pj.trace(build(), x, training=training))
    assert count(pj.trace(build(), x, training=training, real=True)) == fake
    assert count(pj.trace(build().to("meta"), x.to("meta"), training=training)) == fake
    assert count(pj.trace(build, x, training=training)) == fake


def test_dtype_changes_bytes_only():
    single = count(pj.trace(Mixed(), torch.zeros(1, 4, 16, 16)))
    half = count(pj.trace(Mixed().bfloat16(), torch.zeros(1, 4, 16, 16, dtype=torch.bfloat16)))
    assert (half.macs, half.vector_ops) == (single.macs, single.vector_ops)
    assert half.bytes_moved == single.bytes_moved / 2


def test_every_row_knows_its_module_forward_backward_and_update():
    graph = pj.trace(Mixed(), torch.zeros(1, 4, 16, 16), training=True)
    for phase in (Phase.FORWARD, Phase.BACKWARD, Phase.UPDATE):
        modules = {op.module for op in graph.ops if op.phase is phase}
        assert {"a", "b", "up", "line", "shared", "head"} <= modules
    backward = [op for op in graph.ops if op.phase is Phase.BACKWARD and op.kind is Kind.CONV]
    assert all(op.module for op in backward)
    assert len({op.name for op in graph.ops}) == len(graph.ops)


def test_edges_follow_the_data_through_views_and_in_place_ops():
    class Chain(nn.Module):
        def forward(self, x):
            y = x.exp().reshape(-1)
            y.relu_()
            return y.sin()

    graph = pj.trace(Chain(), torch.zeros(2, 3))
    assert [op.target for op in graph.ops] == ["aten.exp", "aten.relu_", "aten.sin"]
    assert [(e.source, e.target) for e in graph.edges] == [(0, 1), (1, 2)]


def test_roles_and_broadcast_bytes():
    graph = pj.trace(nn.Linear(8, 4), torch.zeros(1, 8).expand(100, 8))
    linear = graph.ops[0]
    sizes = {o.role: linear.elements(o) for o in linear.operands if o.dims != ("n",)}
    assert sizes == {Role.INPUT: 8, Role.WEIGHT: 32, Role.OUTPUT: 400}


@torch.library.custom_op("picojoule_test::mystery", mutates_args=())
def mystery(x: torch.Tensor) -> torch.Tensor:
    return x.clone()


@mystery.register_fake
def _(x):
    return torch.empty_like(x)


def test_unknown_ops_are_listed_and_keep_their_bytes():
    class Uses(nn.Module):
        def forward(self, x):
            return mystery(x)

    graph = pj.trace(Uses(), torch.zeros(5))
    assert [op.target for op in graph.uncounted] == ["picojoule_test.mystery"]
    assert graph.notes == ("not counted, priced by bytes: picojoule_test.mystery",)
    assert count(graph).bytes_moved == 40


@settings(max_examples=25, deadline=None)
@given(
    groups=st.integers(1, 3), cin=st.integers(1, 3), cout=st.integers(1, 3), size=st.integers(5, 9),
    kernel=st.integers(1, 3), stride=st.integers(1, 2), dilation=st.integers(1, 2),
    transposed=st.booleans(),
)  # fmt: skip
def test_any_convolution_agrees_with_pytorchs_counter(
    groups, cin, cout, size, kernel, stride, dilation, transposed
):
    make = nn.ConvTranspose2d if transposed else nn.Conv2d
    model = make(groups * cin, groups * cout, kernel, stride, groups=groups, dilation=dilation)
    x = torch.zeros(2, groups * cin, size, size)
    assert count(pj.trace(model, x)).macs == oracle_macs(model, (x,))


def test_control_flow_on_values_says_how_to_trace_it():
    class Branches(nn.Module):
        def forward(self, x):
            return x * 2 if x.sum() > 0 else x

    with pytest.raises(TraceError, match="real=True"):
        pj.trace(Branches(), torch.zeros(3))
    assert count(pj.trace(Branches(), torch.ones(3), real=True)).ops > 0


def test_wrong_shape_names_the_module_and_the_inputs():
    with pytest.raises(TraceError) as caught:
        pj.trace(nn.Sequential(nn.Linear(4, 4), nn.Linear(5, 4)), torch.zeros(2, 4))
    assert "1:" in str(caught.value)
    assert "float32[2, 4]" in str(caught.value)


def test_no_inputs_is_an_input_error():
    with pytest.raises(TraceError, match="example inputs"):
        pj.trace(nn.Linear(4, 4))


@pytest.mark.parametrize(
    "name",
    "CELU ELU GELU Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid Mish PReLU RReLU ReLU6 SELU "
    "SiLU Sigmoid Softplus Softshrink Softsign Tanh Threshold".split(),
)
def test_every_activation_is_counted(name):
    given = (0.1, 0.0) if name == "Threshold" else ()
    graph = pj.trace(getattr(torch.nn, name)(*given).eval(), (torch.zeros(1, 8, 4, 4),))
    assert not graph.uncounted
