"""Quantised torch models: after training, in training, and what can't be quantised."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import picojoule as pj
from picojoule.allocate import with_formats
from picojoule.errors import InputError
from picojoule.formats import INT8, Codebook, Float, Int, MultiBinary, SharedExponent, Ternary
from picojoule.graph import Role
from picojoule.transforms.quantize import (
    ESTIMATORS,
    Channel,
    Group,
    LayerPlan,
    Quantize,
    Quantizer,
    Subset,
    Tensor,
    Token,
    bake,
    card_of,
    estimator,
    formats_of,
    uniform,
)
from picojoule.transforms.quantize import rounding as rounding_of
from picojoule.transforms.quantize import scale as scale_of

torch = pytest.importorskip("torch")
from picojoule.transforms import sparsify  # noqa: E402
from picojoule.transforms.quantize import layers, observe  # noqa: E402

nn = torch.nn

W8 = Quantizer(Int(8, narrow=True), granularity=Channel(0))
W4 = Quantizer(Int(4), scale_of.mse, Channel(0))
A8 = Quantizer(INT8)
PER_TOKEN = Quantizer(INT8, granularity=Token(), when="dynamic")


def mlp():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 8)).eval()


def convnet():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, stride=2), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=4),
        nn.ReLU(), nn.Flatten(), nn.Linear(72, 5),
    ).eval()  # fmt: skip


def correlated(seed, *shape):
    """Neighbours along the last axis are alike, as inputs of layers are."""
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return x.cumsum(-1) / shape[-1] ** 0.5


X, IMAGES = correlated(1, 64, 16), correlated(2, 16, 3, 10, 10)


def quantized(model, layer, calibration=(), only=None):
    transform = Quantize(calibration)
    plan = uniform(transform.sites(model), layer)
    return transform.apply(model, {n: p for n, p in plan.items() if only is None or n in only})


# After training


def test_sites_are_named_with_the_shape_of_their_weight():
    sites = Quantize().sites(convnet())
    assert [(s.name, s.kind, s.shape) for s in sites] == [
        ("0", "Conv2d", (8, 27)), ("2", "Conv2d", (8, 18)), ("5", "Linear", (5, 72)),
    ]  # fmt: skip


def test_weights_are_on_the_grid_and_the_input_model_is_unchanged():
    model = mlp()
    before = model[0].weight.clone()
    changed = quantized(model, LayerPlan(W4))
    expected = W4.quantize(before.detach().numpy())
    assert np.allclose(changed[0].weight.detach().numpy(), expected, atol=1e-7)
    assert torch.equal(model[0].weight, before)
    x = X @ changed[0].weight.T + model[0].bias
    assert torch.allclose(changed[0](X), x, atol=1e-5)


@pytest.mark.parametrize("bits", [4, 8])
def test_int8_is_close_and_int4_is_less(bits):
    model = mlp()
    layer = LayerPlan(replace(W8, format=Int(bits)), replace(A8, format=Int(bits)))
    error = (quantized(model, layer, [X])(X) - model(X)).norm() / model(X).norm()
    assert (0.002 < error < 0.03) if bits == 8 else (0.05 < error < 0.4)


def test_static_inputs_saturate_at_what_calibration_showed():
    model = nn.Sequential(nn.Linear(4, 4, bias=False))
    with torch.no_grad():
        model[0].weight.copy_(torch.eye(4))
    changed = quantized(model, LayerPlan(None, A8), [torch.tensor([[1.0, -2.0, 0.5, 0.0]])])
    out = changed(torch.tensor([[3.0, -3.0, 0.26, 0.0]]))
    assert out.tolist()[0] == pytest.approx([2.0, -128 * 2 / 127, round(0.26 * 63.5) / 63.5, 0])


def test_calibration_sees_extremes_beyond_the_rows_it_keeps():
    x = torch.zeros(9000, 16)
    x[4321, 7] = 100.0
    changed = quantized(mlp(), LayerPlan(None, A8), [x[:5000], x[5000:]], only=["0"])
    assert changed[0].input_quantizer.step.item() == pytest.approx(100 / 127)


def test_calibration_keeps_what_the_layer_saw_though_it_changes_later():
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(16, 16)

        def forward(self, x):
            y = x * 1
            out = self.fc(y)
            y.zero_()
            return out

    seen = observe.observe(InPlace(), ["fc"], [X], windows=["fc"])
    assert np.array_equal(seen["fc"].tokens.rows, X.numpy())
    assert np.array_equal(seen["fc"].windows.rows, X.numpy())


def test_a_sample_is_spread_evenly_over_all_rows():
    sample = observe.Sample()
    for start in range(0, 30_000, 1000):
        sample.add(np.arange(start, start + 1000)[:, None])
    kept = sample.rows[:, 0]
    assert observe.KEPT / 2 <= len(kept) <= observe.KEPT
    assert np.array_equal(kept, np.arange(len(kept)) * 8)


def test_dynamic_scales_are_per_token_and_need_no_data():
    model = nn.Sequential(nn.Linear(16, 16, bias=False)).eval()
    with torch.no_grad():
        model[0].weight.copy_(torch.eye(16))
    out = quantized(model, LayerPlan(None, PER_TOKEN))(X.reshape(4, 16, 16))
    assert np.allclose(
        out.detach().numpy().reshape(64, 16), PER_TOKEN.quantize(X.numpy()), atol=1e-6
    )


def test_inputs_of_convolutions_have_channels_last():
    per_channel = Quantizer(INT8, granularity=Channel(-1))
    changed = quantized(convnet(), LayerPlan(None, per_channel), [IMAGES], only=["0"])
    q = changed[0].input_quantizer(IMAGES).detach()
    rows = IMAGES.movedim(1, -1).reshape(-1, 3).numpy()
    expected = torch.as_tensor(per_channel.quantize(rows)).reshape(16, 10, 10, 3).movedim(-1, 1)
    assert torch.allclose(q, expected.float(), atol=1e-6)


@pytest.mark.parametrize("model", [mlp, convnet])
def test_learned_rounding_lowers_the_error_of_the_layers_output(model):
    model, x = model(), X if model is mlp else IMAGES
    learned = replace(W4, rounding=rounding_of.learned)
    for rule in (scale_of.mse, scale_of.output_mse):
        near, new = (
            quantized(model, LayerPlan(replace(q, rule=rule)), [x], only=["0"])
            for q in (W4, learned)
        )
        exact, (card,) = model[0](x), card_of(new).quantized
        w, q = model[0].weight.detach(), new[0].weight.detach()
        assert card.error == pytest.approx(((q - w).norm() / w.norm()).item() ** 2, 1e-3)
        assert (new[0](x) - exact).norm() < 0.95 * (near[0](x) - exact).norm()


def test_formats_with_their_own_scales_and_subsets_work_too():
    model = mlp()
    w = model[0].weight.detach().numpy()
    for quantizer in (
        Quantizer(MultiBinary(2), granularity=Channel(0)),
        Quantizer(SharedExponent(4, block=8)),
        Quantizer(Codebook(16)),
        Quantizer(Float(4, 3), granularity=Group(8)),
        Subset((1, 5), W8, Quantizer(Int(2), scale_of.mse, Channel(0))),
    ):
        changed = quantized(model, LayerPlan(quantizer), only=["0"])
        found = changed[0].weight.detach().numpy()
        assert np.allclose(found, quantizer.quantize(w), atol=1e-6)


def test_the_card_says_what_was_done_and_what_was_not():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(10, 16)
            self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
            self.up = nn.ConvTranspose1d(16, 16, 2)
            self.head = nn.Linear(16, 4)
            self.spare = nn.Linear(16, 4)

        def forward(self, ids):
            x = self.table(ids)
            return self.head(self.attention(x, x, x)[0])

    model = Mixed().eval()
    ids = torch.arange(10)[None]
    transform = Quantize([ids])
    plan = uniform(transform.sites(model), LayerPlan(W8, A8))
    assert list(plan) == ["table", "head", "spare"]  # not the projection inside the attention
    card = card_of(transform.apply(model, plan | {"up": LayerPlan(W8)}))
    assert [q.name for q in card.quantized] == ["table", "head"]
    assert card.quantized[0].activation == "float32"  # its inputs are indices
    assert card.quantized[1].activation == "int8"
    assert 0 < card.quantized[1].error < 1e-3
    assert card.skipped == {
        "attention": "no quantiser for MultiheadAttention",
        "up": "no quantiser for ConvTranspose1d",
        "spare": "not reached by the calibration data",
    }
    assert "attention: skipped, no quantiser for MultiheadAttention" in str(card)
    with pytest.raises(InputError, match="was not quantised"):
        card_of(model)


def test_the_output_error_of_a_grouped_convolution_is_not_known_and_listed():
    layer = LayerPlan(replace(W4, rule=scale_of.output_mse))
    card = card_of(quantized(convnet(), layer, [IMAGES]))
    assert list(card.skipped) == ["2"]
    assert [q.name for q in card.quantized] == ["0", "5"]


def test_a_layer_that_is_left_out_is_on_the_card():
    card = card_of(quantized(mlp(), LayerPlan(W8), only=["2"]))
    assert card.skipped == {"0": "not in the plan"}


# What is wrong


def test_errors_name_the_layer():
    model = mlp()
    with pytest.raises(InputError, match="no layer 'nope'"):
        Quantize().apply(model, {"nope": LayerPlan(W8)})
    with pytest.raises(InputError, match=r"^0, axis -1 .*: groups don't divide") as error:
        quantized(model, LayerPlan(replace(W4, granularity=Group(5))))
    assert "1, 2, 4, 8, 16" in str(error.value)
    with pytest.raises(InputError, match="no calibration data"):
        quantized(model, LayerPlan(W8, A8))
    per_token = Quantizer(INT8, granularity=Token())
    with pytest.raises(InputError, match="doesn't fit this input"):
        quantized(model, LayerPlan(None, per_token), [X])(X[:3])


def test_calibration_data_that_are_not_finite_name_layer_and_sample():
    bad = X.clone()
    bad[13, 2] = float("inf")
    with pytest.raises(InputError, match="0, sample 77: calibration data are not finite"):
        quantized(mlp(), LayerPlan(W8, A8), [X, bad])


def test_weights_that_are_not_finite_name_the_layer():
    model = mlp()
    with torch.no_grad():
        model[2].weight[1, 3] = float("nan")
    with pytest.raises(InputError, match=r"^2, x\[1, 3\]"):
        quantized(model, LayerPlan(W8))


def test_calibration_leaves_modes_and_hooks_as_they_were():
    model = mlp()
    model[1].train()
    quantized(model, LayerPlan(W8, A8), [X])
    assert [m.training for m in model] == [False, True, False]
    assert not model[0]._forward_pre_hooks


# In training


@pytest.mark.parametrize("name", ["identity", "clip", "tent"])
def test_gradients_are_those_of_the_estimator(name):
    slope = ESTIMATORS[name]
    quantizer = Quantizer(Ternary(), scale_of.unit, estimator=slope)
    layer = nn.Linear(9, 1, bias=False)
    w = torch.linspace(-1.6, 1.6, 9)
    with torch.no_grad():
        layer.weight.copy_(w[None])
    changed = quantized(nn.Sequential(layer), LayerPlan(quantizer))
    changed(torch.ones(1, 9)).sum().backward()
    found = changed[0].parametrizations.weight.original.grad[0]
    assert torch.allclose(found, torch.as_tensor(slope(w, -1.0, 1.0)))


def test_learned_steps_get_the_gradient_of_lsq():
    """LSQ, eq. 3: q - u within the grid and its ends beyond, times 1 / √(elements · top)."""
    quantizer = Quantizer(Int(3), scale_of.lsq, estimator=estimator.learned_scale, when="learned")
    layer = nn.Linear(50, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.linspace(-3, 2, 50)[None])
    changed = quantized(nn.Sequential(layer), LayerPlan(quantizer))
    step = changed[0].parametrizations.weight[0].step
    assert step.item() == pytest.approx(2 * layer.weight.abs().mean().item() / np.sqrt(3))
    with torch.no_grad():
        step.fill_(0.5)  # so that some weights lie beyond
    changed(torch.ones(1, 50)).sum().backward()
    u = torch.linspace(-3, 2, 50) / 0.5
    expected = torch.where((u >= -4) & (u <= 3), u.round() - u, u.clamp(-4, 3)).sum()
    assert step.grad.item() == pytest.approx(expected.item() / np.sqrt(50 * 3), rel=1e-4)
    weight = changed[0].parametrizations.weight.original.grad[0]
    assert torch.equal(weight != 0, (u >= -4) & (u <= 3))


def test_training_with_quantisers_lowers_the_loss_and_bakes_into_plain_layers():
    model = mlp()
    y = model(X).detach()
    two = Quantizer(Int(2), scale_of.lsq, Channel(0), estimator=estimator.clip, when="learned")
    changed = quantized(model, LayerPlan(two, A8), [X])
    assert any("step" in n for n, _ in changed.named_parameters())
    optimizer = torch.optim.Adam(changed.parameters(), lr=5e-3)
    losses = []
    for _ in range(300):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(changed(X), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    plain = bake(changed)
    assert type(plain[0]) is nn.Linear
    assert torch.allclose(plain(X), changed(X), atol=1e-5)
    assert all(len(row.unique()) <= 4 for row in plain[0].weight)


@pytest.mark.parametrize("name", sorted(ESTIMATORS))
def test_estimators_agree_on_numpy_and_torch_and_are_even(name):
    u = np.linspace(-2, 2, 101)
    slope = ESTIMATORS[name]
    found = slope(u, -1.0, 1.0)
    assert found.shape == u.shape
    assert np.allclose(slope(torch.as_tensor(u), -1.0, 1.0).numpy(), found)
    assert np.allclose(found, found[::-1])


def test_estimators_are_slopes_of_their_smooth_signs():
    u = np.linspace(-1.45, 1.45, 2900)  # no point at 0 or ±1

    def bireal(v):
        return np.where(np.abs(v) < 1, 2 * v - np.sign(v) * v**2, np.sign(v))

    def fourier(v):
        return 4 / np.pi * sum(np.sin((2 * i + 1) * np.pi * v) / (2 * i + 1) for i in range(9))

    outside = np.abs(np.abs(u) - 1) > 1e-3
    for function, slope, where in (
        (bireal, estimator.quadratic, outside),
        (lambda v: np.sin(20 * v), estimator.sine, outside | True),
        (fourier, estimator.fourier, outside | True),
        (lambda v: np.sign(v) * np.abs(v) ** (1 / 3), estimator.power, np.abs(u) > 0.101),
    ):
        numeric = (function(u + 1e-6) - function(u - 1e-6)) / 2e-6
        assert np.allclose(slope(u, -1.0, 1.0)[where], numeric[where], atol=1e-3)


# Cost


def test_a_plan_prices_its_formats_with_their_scales():
    model = mlp()
    graph, sites = pj.trace(model, X[:1]), Quantize().sites(model)
    layer = LayerPlan(Quantizer(Int(4), granularity=Group(8)), A8)
    priced = with_formats(graph, formats_of(uniform(sites, layer), sites))
    weights = [
        o for op in priced.ops for o in op.operands if o.role is Role.WEIGHT and len(o.dims) == 2
    ]
    assert [w.format.bits_per_element() for w in weights] == [6.0, 6.0]
    full, less = (pj.estimate(g, on="stm32l4r5") for g in (graph, priced))
    assert less.total().energy.value < full.total().energy.value
    assert less.total().coverage == 1
    assert set(less["operand"][less["component"] == "mac"]) == {"int8"}


def test_mixed_and_partial_plans_are_priced():
    model = mlp()
    sites = Quantize().sites(model)
    plan = {"0": LayerPlan(Subset((0,), W8, W4), PER_TOKEN), "2": LayerPlan(W8)}
    formats = formats_of(plan, sites)
    weight, activation = formats["0"]
    assert weight.name == "int8"
    assert weight.bits_per_element() == pytest.approx(4 + 4 / 32 + 16 / 16)
    assert activation.bits_per_element() == pytest.approx(8 + 16 / 16)
    assert formats["2"][1].name == "float32"
    with pytest.raises(InputError, match="no layer 'x'"):
        formats_of({"x": LayerPlan(W8)}, sites)
    with pytest.raises(InputError, match=r"^2, .*blocks don't divide"):
        formats_of({"2": LayerPlan(Quantizer(SharedExponent(4, block=5)))}, sites)


def test_partial_rules_and_wrapped_ones_are_recognised_as_needing_inputs():
    wrapped = partial(scale_of.power_of_two(scale_of.output_mse))
    assert layers.needs_inputs(Quantizer(Int(4), wrapped))
    assert layers.needs_inputs(Quantizer(Int(4), rounding=partial(rounding_of.learned, rounds=5)))
    assert not layers.needs_inputs(Quantizer(Int(4), granularity=Tensor()))


def test_sparse_layers_stay_sparse_when_quantised():
    model = mlp()
    sparse = sparsify.Sparsify().apply(model, {"0": sparsify.Sparse(0.25)})
    for rounding in (rounding_of.nearest, rounding_of.learned):
        changed = quantized(sparse, LayerPlan(replace(W4, rounding=rounding)), [X])
        zeros = sparse[0].weight == 0
        assert zeros.float().mean() == pytest.approx(0.75, abs=0.01)
        assert (changed[0].weight[zeros] == 0).all()
        assert len(changed[0].weight[0].unique()) <= 16
        assert type(bake(changed)[0]) is nn.Linear
        assert sparse[0].weight is not None  # baking a copy leaves its original whole
