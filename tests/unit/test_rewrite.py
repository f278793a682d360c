"""Exact rewrites keep the function; inexact ones say that they don't, and still train."""

from __future__ import annotations

import pytest

from picojoule.errors import InputError

torch = pytest.importorskip("torch")
from picojoule.transforms.distill import adapters, losses  # noqa: E402
from picojoule.transforms.rewrite import (  # noqa: E402
    ConstantGroupSize,
    FoldBatchNorm,
    MergePointwise,
    ToBitLinear,
)

nn = torch.nn


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def norm(kind, width):
    layer = kind(width)
    layer.running_mean.normal_()
    layer.running_var.uniform_(0.5, 2)
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    return layer


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 8, 3, bias=False), norm(nn.BatchNorm2d, 8)
        self.shared, self.late = nn.Conv2d(8, 8, 1), norm(nn.BatchNorm2d, 8)
        self.head, self.last = nn.Linear(8, 4), norm(nn.BatchNorm1d, 4)

    def forward(self, x):
        x = self.bn(self.conv(x)).relu()
        y = self.shared(x)
        return self.last(self.head((self.late(y) + y).mean((2, 3))))


class TestExact:
    x = torch.randn(2, 3, 9, 9, generator=torch.Generator().manual_seed(1))

    def test_batch_norms_fold_where_they_may(self):
        model = Branches().eval()
        before = {k: v.clone() for k, v in model.state_dict().items()}
        done = FoldBatchNorm().apply(model)
        torch.testing.assert_close(done.model(self.x), model(self.x), atol=1e-5, rtol=1e-5)
        assert set(done.changed) == {"bn", "last"}
        assert "late" in done.skipped, "its convolution feeds another branch too"
        assert not any("bn" in name for name, _ in done.model.named_modules())
        assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())

    def test_pointwise_pairs_merge(self):
        model = nn.Sequential(
            nn.Conv2d(3, 16, 1, stride=2), nn.Conv2d(16, 4, 1, bias=False), nn.ReLU(),
            nn.Conv2d(4, 2, 1), nn.Conv2d(2, 8, 1, stride=2),
        )  # fmt: skip
        done = MergePointwise().apply(model)
        torch.testing.assert_close(done.model(self.x), model(self.x), atol=1e-5, rtol=1e-5)
        assert set(done.changed) == {"1"}
        assert "cost more" in done.skipped["4"]

    def test_three_in_a_row_become_one(self):
        model = nn.Sequential(*[nn.Conv2d(8, 8, 1) for _ in range(3)])
        x = torch.randn(1, 8, 5, 5)
        done = MergePointwise().apply(model)
        torch.testing.assert_close(done.model(x), model(x), atol=1e-5, rtol=1e-5)
        assert sum(p.numel() for p in done.model.parameters()) == 8 * 8 + 8

    def test_a_layer_that_is_called_twice_stays(self):
        class Twice(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv, self.bn = nn.Conv2d(3, 3, 1), norm(nn.BatchNorm2d, 3)

            def forward(self, x):
                return self.bn(self.conv(self.conv(x)))

        with pytest.raises(InputError, match="of its own"):
            FoldBatchNorm().apply(Twice())

    def test_nothing_to_do_and_not_traceable(self):
        with pytest.raises(InputError, match="no batch norm"):
            FoldBatchNorm().apply(nn.Sequential(nn.Linear(2, 2)))

        class Turns(nn.Module):
            def forward(self, x):
                return x if x.sum() > 0 else -x

        with pytest.raises(InputError, match="traced"):
            MergePointwise().apply(Turns())

    def test_the_flag_is_in_the_type(self):
        assert FoldBatchNorm.exact
        assert MergePointwise.exact
        assert not ToBitLinear.exact
        assert not ConstantGroupSize.exact


class TestInexact:
    def test_bit_linear_is_ternary_times_int8(self):
        model = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 4))
        done = ToBitLinear(skip=("2",)).apply(model)
        layer = done.model[0]
        gamma = layer.weight.abs().mean()
        assert set((layer.ternary() / gamma).round().flatten().tolist()) <= {-1.0, 0.0, 1.0}
        x = torch.randn(3, 16)
        normed = x / (x.square().mean(-1, keepdim=True) + torch.finfo(x.dtype).eps).sqrt()
        step = normed.abs().amax(-1, keepdim=True) / 127
        expected = (normed / step).round() * step @ layer.ternary().T + layer.bias
        torch.testing.assert_close(layer(x), expected)
        assert done.skipped == {"2": "asked to stay"}
        done.model(x).sum().backward()
        assert layer.weight.grad.abs().sum() > 0

    def test_groups_of_constant_size(self):
        model = nn.Sequential(nn.Conv2d(8, 16, 3), nn.Conv2d(16, 16, 1), nn.Conv2d(16, 6, 3))
        done = ConstantGroupSize(4).apply(model)
        assert done.model[0].groups == 2
        assert "pointwise" in done.skipped["1"]
        assert "divide" in done.skipped["2"]
        torch.testing.assert_close(done.model[0].weight[:8], model[0].weight[:8, :4])
        torch.testing.assert_close(done.model[0].weight[8:], model[0].weight[8:, 4:])
        depthwise = nn.Sequential(nn.Conv2d(8, 8, 3, groups=8))
        wider = ConstantGroupSize(2).apply(depthwise).model
        x = torch.randn(1, 8, 5, 5)
        torch.testing.assert_close(wider(x), depthwise(x))

    def test_none_to_replace(self):
        with pytest.raises(InputError, match="no Linear"):
            ToBitLinear().apply(nn.Sequential(nn.ReLU()))


class TestDistillation:
    student, teacher = torch.randn(2, 32, 10, generator=torch.Generator().manual_seed(2))

    def test_zero_for_the_teacher_itself(self):
        for loss in (losses.logit, losses.entropy_weighted, losses.hidden):
            assert float(loss(self.teacher, self.teacher)) == pytest.approx(0, abs=1e-6)
            assert float(loss(self.student, self.teacher)) > 0

    def test_logit_is_torchs_divergence(self):
        t = 3.0
        expected = nn.functional.kl_div(
            (self.student / t).log_softmax(-1), (self.teacher / t).softmax(-1),
            reduction="batchmean",
        )  # fmt: skip
        assert float(losses.logit(self.student, self.teacher, t)) == pytest.approx(
            float(t**2 * expected), rel=1e-5
        )

    def test_low_rank_sees_the_subspace_only(self):
        basis = torch.linalg.qr(torch.randn(10, 3)).Q
        outside = torch.randn(32, 10)
        outside = outside - outside @ basis @ basis.T
        near = losses.low_rank(self.teacher + outside, self.teacher, basis)
        assert float(near) == pytest.approx(0, abs=1e-9)


class TestAdapters:
    def model(self):
        return nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 4))

    def test_lora_begins_as_nothing_trains_little_and_merges(self):
        model, x = self.model(), torch.randn(5, 12)
        before = model(x)
        adapted = adapters.add_lora(model, 2, ["0", "2"])
        torch.testing.assert_close(adapted(x), before)
        trained = [p for p in adapted.parameters() if p.requires_grad]
        assert sum(p.numel() for p in trained) == adapters.lora_parameters([(8, 12), (4, 8)], 2)
        with torch.no_grad():
            for p in trained:
                p.normal_()
        after = adapted(x)
        merged = adapters.merge_lora(adapted)
        torch.testing.assert_close(merged(x), after)
        assert [type(m) for m in merged] == [nn.Linear, nn.ReLU, nn.Linear]

    def test_lora_of_llama_3_8b(self):
        h, kv, ff = 4096, 1024, 14336
        shapes = [(h, h), (kv, h), (kv, h), (h, h), (ff, h), (ff, h), (h, ff)] * 32
        assert adapters.lora_parameters(shapes, 1) == 2_621_440

    def test_bad_names_and_ranks(self):
        with pytest.raises(InputError, match="no linear layer"):
            adapters.add_lora(self.model(), 2, ["1"])
        with pytest.raises(InputError, match="rank"):
            adapters.add_lora(self.model(), 9, ["0"])

    def test_soft_prompts_are_tokens(self):
        prompt = adapters.SoftPrompt(7, 16)
        out = prompt(torch.zeros(2, 5, 16))
        assert out.shape == (2, 12, 16)
        torch.testing.assert_close(out[1, :7], prompt.vectors)
