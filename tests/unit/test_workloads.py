"""Published architectures: their parameters and MACs, against what their papers print."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
from picojoule.graph.count import count  # noqa: E402
from picojoule.graph.trace import trace  # noqa: E402
from picojoule.graph.workloads.ap_bwe import ap_bwe, spectra  # noqa: E402
from picojoule.graph.workloads.bert import bert, tokens  # noqa: E402
from picojoule.graph.workloads.build import image, parameters  # noqa: E402
from picojoule.graph.workloads.efficient_mod import efficient_mod  # noqa: E402
from picojoule.graph.workloads.efficientformer import efficientformer  # noqa: E402
from picojoule.graph.workloads.efficientvit import efficientvit  # noqa: E402
from picojoule.graph.workloads.fastdepth import fastdepth  # noqa: E402
from picojoule.graph.workloads.femtodet import femtodet  # noqa: E402
from picojoule.graph.workloads.leyolo import leyolo_nano  # noqa: E402
from picojoule.graph.workloads.lowformer import lowformer  # noqa: E402
from picojoule.graph.workloads.matmul_free import matmul_free  # noqa: E402
from picojoule.graph.workloads.squeezenet import squeezenet  # noqa: E402
from picojoule.graph.workloads.vanillanet import vanillanet  # noqa: E402
from picojoule.graph.workloads.vovnet import vovnet  # noqa: E402

_POOLER = 768 * 769  # of BERT, which the encoder is built without

# Millions as printed, and half a unit of the last digit; a whole unit where digits are cut off.
_SIZES = [
    ("squeezenet", squeezenet, 1.248424, 5e-7),
    ("vovnet-27s", lambda: vovnet("27s"), 3.53, 5e-3),
    ("vovnet-39", lambda: vovnet("39"), 22.60, 5e-3),
    ("vanillanet-5", lambda: vanillanet(5), 15.52, 5e-3),
    ("vanillanet-10", lambda: vanillanet(10), 45.69, 5e-3),
    ("efficientvit-m0", lambda: efficientvit("M0"), 2.3, 0.05),
    ("efficientvit-m5", lambda: efficientvit("M5"), 12.4, 0.1),
    ("efficientformer-l1", lambda: efficientformer("L1"), 12.3, 0.05),
    ("matmul-free-370m", lambda: matmul_free("370M"), 374, 0.5),
    ("matmul-free-2.7b", lambda: matmul_free("2.7B"), 2701, 0.5),
    ("ap-bwe", ap_bwe, 29.76, 5e-3),
    ("efficientmod-xxs", lambda: efficient_mod("xxs"), 4.7, 0.05),
    ("efficientmod-xs", lambda: efficient_mod("xs"), 6.6, 0.05),
    ("efficientmod-s", lambda: efficient_mod("s"), 12.9, 0.05),
    ("lowformer-b0", lambda: lowformer("B0"), 14.1, 0.05),
    ("lowformer-b1", lambda: lowformer("B1"), 17.9, 0.05),
    ("lowformer-b1.5", lambda: lowformer("B1.5"), 33.9, 0.1),
    ("lowformer-b3", lambda: lowformer("B3"), 57.1, 0.05),
    ("femtodet", femtodet, 0.06877, 5e-6),
]
# 10⁹ MACs as printed, and the inputs.
_MACS = [
    ("fastdepth, full", lambda: fastdepth("full"), image(), 0.74, 5e-3),
    ("fastdepth, pruned", lambda: fastdepth("pruned"), image(), 0.37, 5e-3),
    ("lowformer-b0", lambda: lowformer("B0"), image(), 0.944, 1e-3),
    ("lowformer-b1", lambda: lowformer("B1"), image(), 1.410, 1e-3),
    ("lowformer-b1.5", lambda: lowformer("B1.5"), image(), 2.573, 1e-3),
    ("lowformer-b3", lambda: lowformer("B3"), image(), 6.098, 1e-3),
    ("vanillanet-5", lambda: vanillanet(5), image(), 5.16, 5e-3),
    ("efficientvit-m0", lambda: efficientvit("M0"), image(), 0.079, 5e-4),
]


@pytest.mark.parametrize(("model", "million", "slack"), [r[1:] for r in _SIZES],
                         ids=[r[0] for r in _SIZES])  # fmt: skip
def test_parameters_are_as_printed(model, million, slack):
    assert abs(parameters(model()) / 1e6 - million) <= slack


@pytest.mark.parametrize(("model", "inputs", "giga", "slack"), [r[1:] for r in _MACS],
                         ids=[r[0] for r in _MACS])  # fmt: skip
def test_macs_are_as_printed(model, inputs, giga, slack):
    assert abs(count(trace(model().eval(), inputs)).macs / 1e9 - giga) <= slack


@pytest.mark.parametrize(
    ("words", "layers", "segments", "pooler", "published"),
    [
        (30_522, 12, True, True, 109_482_240),  # bert-base-uncased
        (119_547, 12, True, True, 177_853_440),  # bert-base-multilingual-cased
        (119_547, 6, False, False, 134_734_080),  # distilbert-base-multilingual-cased
    ],
)
def test_bert_has_the_parameters_of_the_released_checkpoints(
    words, layers, segments, pooler, published
):
    assert parameters(bert(words, layers, segments=segments)) + pooler * _POOLER == published


def test_macs_of_bert_in_closed_form():
    n, d = 128, 768
    expected = 12 * n * (12 * d * d + 2 * n * d)
    assert count(trace(bert().eval(), tokens(n))).macs == expected


def test_a_frame_of_ap_bwe_uses_each_weight_once():
    one, two = (count(trace(ap_bwe().eval(), spectra(n))).macs for n in (50, 100))
    assert two == 2 * one
    assert 0.99 < one / 50 / parameters(ap_bwe()) < 1


@pytest.mark.parametrize("model", [leyolo_nano, femtodet])
def test_work_grows_with_the_square_of_the_side(model):
    small, large = (count(trace(model().eval(), image(side))).macs for side in (160, 320))
    assert large == 4 * small


def test_outputs_have_the_promised_shapes():
    assert fastdepth()(*image()).shape == (1, 1, 224, 224)
    assert [tuple(y.shape) for y in leyolo_nano()(*image(320))] == [
        (1, 144, 40, 40), (1, 144, 20, 20), (1, 144, 10, 10)
    ]  # fmt: skip
    assert femtodet()(*image(416)).shape == (1, 25, 26, 26)
    assert lowformer("B0")(*image()).shape == efficient_mod("xxs")(*image()).shape == (1, 1000)
    wide, phase = ap_bwe()(*spectra(10))
    assert wide.shape == phase.shape == (1, 513, 10)


def test_femtodets_two_branches_are_one_convolution():
    from picojoule.graph.workloads.femtodet import TwoNorms

    torch.manual_seed(0)
    layer = TwoNorms(4, 2).eval()
    for norm in (layer.first, layer.second):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    kernel = layer.conv.weight.detach()
    centre = torch.zeros_like(kernel)
    centre[..., 1, 1] = kernel.sum((2, 3))
    gains = [(n.running_var + n.eps).rsqrt() for n in (layer.first, layer.second)]
    merged = gains[0][:, None, None, None] * kernel
    merged = merged + gains[1][:, None, None, None] * (kernel - layer.theta.sigmoid() * centre)
    bias = -sum(g * n.running_mean for g, n in zip(gains, (layer.first, layer.second), strict=True))
    x = torch.randn(1, 4, 9, 9)
    one = torch.nn.functional.conv2d(x, merged, bias, 2, 1, groups=4).relu()
    assert torch.allclose(layer(x), one, atol=1e-5)
