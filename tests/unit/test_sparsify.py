"""Patterns, saliencies, schedules and realisers against closed forms and brute force."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from picojoule.errors import InputError
from picojoule.transforms.sparsify import (
    Block,
    Head,
    NofM,
    Slices,
    Sparse,
    Sparsify,
    Unstructured,
    keep_largest,
    saliency,
    schedule,
)
from picojoule.transforms.sparsify import attention_masks as attention
from picojoule.transforms.sparsify.delta import delta_linear
from picojoule.transforms.sparsify.realise import (
    prox_sparse_envelope,
    prune_and_regrow,
    soft_mask,
    sparse_envelope,
)

RNG = np.random.default_rng(0)
SCORE = RNG.random((32, 64))
CONV = RNG.random((16, 8, 3, 3))


class TestPatterns:
    @pytest.mark.parametrize("score", [SCORE, CONV], ids=["linear", "conv"])
    @pytest.mark.parametrize(
        ("pattern", "unit"),
        [(Unstructured(), 1), (Block(8, 4), 32), (Slices(0), 0), (Slices(1), 0), (Head(4), 0)],
        ids=str,
    )
    def test_half_is_half(self, pattern, unit, score):
        mask = pattern.mask(score, 0.5)
        assert mask.shape == score.shape
        assert mask.mean() == 0.5

    @given(st.floats(0, 1), st.integers(1, 200))
    def test_as_many_as_asked_for_and_the_largest(self, density, size):
        score = np.random.default_rng(size).random(size)
        kept = keep_largest(score, density)
        assert kept.sum() == round(density * size)
        if 0 < kept.sum() < size:
            assert score[kept].min() >= score[~kept].max()

    @pytest.mark.parametrize(("n", "m"), [(1, 4), (2, 4), (2, 8), (4, 4)])
    @pytest.mark.parametrize("axis", [0, 1])
    def test_n_of_m_in_each_group(self, n, m, axis):
        for score in (SCORE, CONV):
            mask = np.moveaxis(NofM(n, m, axis).mask(score), axis, -1)
            assert (mask.reshape(-1, m).sum(axis=1) == n).all()

    def test_n_of_m_is_the_best_of_all_choices(self):
        (row,) = RNG.random((1, 4))
        kept = NofM(2, 4).mask(row[None])[0]
        assert row[kept].sum() == max(
            row[list(p)].sum() for p in itertools.combinations(range(4), 2)
        )

    def test_blocks_are_whole_and_the_largest(self):
        mask = Block(8, 4).mask(SCORE, 0.25)
        tiles = mask.reshape(4, 8, 16, 4).mean(axis=(1, 3))
        assert set(tiles.ravel()) == {0.0, 1.0}
        means = SCORE.reshape(4, 8, 16, 4).mean(axis=(1, 3))
        assert means[tiles == 1].min() >= means[tiles == 0].max()

    @pytest.mark.parametrize("pattern", [NofM(2, 5), Block(5, 4), Head(7), NofM(2, 4, axis=7)])
    def test_groups_that_dont_divide(self, pattern):
        with pytest.raises(InputError, match="does not divide"):
            pattern.mask(SCORE, 0.5)

    @pytest.mark.parametrize("density", [-0.1, 1.1, float("nan")])
    def test_density_out_of_range(self, density):
        with pytest.raises(InputError, match="density"):
            Unstructured().mask(SCORE, density)

    def test_scores_must_be_finite(self):
        with pytest.raises(InputError, match="finite"):
            Unstructured().mask(np.array([1.0, np.nan]), 0.5)


class TestSaliency:
    w, x = RNG.normal(size=(6, 5)), RNG.normal(size=(40, 5))

    def loss(self, w):
        return float(((self.x @ w.T) ** 2).sum())

    def gradient(self):
        return 2 * (self.x @ self.w.T).T @ self.x

    def test_output_error_is_the_change_of_the_output(self):
        score = saliency.output_error(self.w, self.x)
        without = self.w.copy()
        without[2, 3] = 0
        change = ((self.x @ (self.w - without).T) ** 2).sum()
        assert score[2, 3] == pytest.approx(change)
        norms = np.linalg.norm(self.x, axis=0)
        assert saliency.wanda(self.w, norms)[2, 3] == pytest.approx(np.sqrt(change))

    def test_second_order_is_the_error_after_the_best_repair(self):
        """Least squares on the other inputs is the oracle: no damping, one weight gone."""
        score = saliency.second_order(self.w, self.x, damping=0.0)
        y, rest = self.x @ self.w[2], np.delete(self.x, 3, axis=1)
        _, residual, *_ = np.linalg.lstsq(rest, y, rcond=None)
        assert score[2, 3] == pytest.approx(residual[0])

    def test_taylor_is_the_slope(self):
        smaller = self.w.copy()
        smaller[1, 1] *= 1 - 1e-6
        slope = (self.loss(self.w) - self.loss(smaller)) / 1e-6
        assert saliency.taylor(self.w, self.gradient())[1, 1] == pytest.approx(abs(slope), rel=1e-4)

    def test_zeroth_order_ranks_as_the_gradient_does(self):
        from scipy.stats import spearmanr

        found = saliency.zeroth_order_gradient(
            self.loss, self.w, np.random.default_rng(1), draws=400
        )
        assert spearmanr(found.ravel(), self.gradient().ravel()).statistic > 0.9

    def test_a_loss_that_is_not_finite(self):
        with pytest.raises(InputError, match="loss"):
            saliency.zeroth_order_gradient(lambda _: float("nan"), self.w, np.random.default_rng(0))

    def test_strength_and_norm_of_filters(self):
        assert (saliency.strength(self.w) == np.abs(self.w).sum(axis=0)).all()
        assert saliency.group_norm(CONV)[3, 0, 0, 0] == pytest.approx(np.linalg.norm(CONV[3]))
        assert (saliency.fisher(self.w, np.ones_like(self.w)) == self.w**2 / 2).all()


class TestSchedules:
    def test_cubic_as_printed(self):
        found = [schedule.cubic(t, 0.875) for t in (0, 0.25, 0.5, 0.75, 1, 2)]
        assert found == pytest.approx([0, 0.5059, 0.7656, 0.8613, 0.875, 0.875], abs=5e-5)

    def test_others(self):
        assert schedule.linear(0.5, 0.8, 0.2) == pytest.approx(0.5)
        assert schedule.at_once(0.0, 0.8) == 0.8
        with pytest.raises(InputError):
            schedule.cubic(-0.1, 0.5)


class TestRealisers:
    def test_regrowth_keeps_the_number_and_moves_the_weakest(self):
        w = RNG.normal(size=(20, 30))
        mask = Unstructured().mask(RNG.random(w.shape), 0.3)
        fresh, moved = prune_and_regrow(w * mask, mask, 0.2, np.random.default_rng(2))
        assert moved.sum() == mask.sum()
        assert (fresh[~moved] == 0).all()
        gone = mask & (fresh != w)
        kept = mask & (fresh == w)
        assert np.abs(w[gone & (w > 0)]).max() <= np.abs(w[kept & (w > 0)]).min()
        assert gone.sum() == pytest.approx(0.2 * mask.sum(), abs=2)

    def test_soft_mask_has_the_target_share_below_a_half(self):
        w = RNG.normal(size=(100, 100))
        mask = soft_mask(w, 0.866)
        assert (mask < 0.5).mean() == pytest.approx(0.866)
        assert set(np.round(soft_mask(w, 0.5, tau=1e-12).ravel(), 6)) == {0.0, 1.0}
        with pytest.raises(InputError):
            soft_mask(w, 1.0)

    def test_envelope_limits(self):
        x = RNG.normal(size=9)
        assert sparse_envelope(x, 1) == pytest.approx(0.5 * np.abs(x).sum() ** 2, rel=1e-12)
        assert sparse_envelope(x, 9) == pytest.approx(0.5 * (x**2).sum(), rel=1e-12)
        few = np.where(np.arange(9) % 3 == 1, x, 0.0)
        assert sparse_envelope(few, 3) == pytest.approx(0.5 * (few**2).sum(), rel=1e-12)

    @pytest.mark.parametrize("strength", [0.05, 0.5, 5.0, 50.0])
    @pytest.mark.parametrize("k", [1, 3, 9])
    def test_prox_beats_its_neighbours(self, strength, k):
        rng = np.random.default_rng(3)
        v = rng.normal(size=9)
        u = prox_sparse_envelope(v, strength, k)

        def cost(z):
            return strength * sparse_envelope(z, k) + 0.5 * ((z - v) ** 2).sum()

        for scale in (1e-4, 1e-2, 0.3):
            for _ in range(300):
                assert cost(u) <= cost(u + rng.normal(0, scale, 9)) + 1e-12

    def test_a_strong_prox_leaves_k(self):
        v = RNG.normal(size=9)
        assert np.count_nonzero(prox_sparse_envelope(v, 50.0, 3)) == 3
        with pytest.raises(InputError):
            prox_sparse_envelope(v, 0.0, 3)


class TestDelta:
    w = RNG.normal(size=(8, 16))
    x = np.cumsum(RNG.normal(size=(50, 16)) * (RNG.random((50, 16)) < 0.1), axis=0)

    def test_exact_without_a_threshold(self):
        run = delta_linear(self.w, self.x)
        np.testing.assert_allclose(run.outputs, self.x @ self.w.T, atol=1e-12)
        changes = np.count_nonzero(np.diff(self.x, axis=0, prepend=np.zeros((1, 16))))
        assert run.macs == changes * 8
        assert run.dense_macs == 50 * 16 * 8

    @pytest.mark.parametrize("threshold", [0.1, 0.3, 1.0])
    def test_error_bound(self, threshold):
        run = delta_linear(self.w, self.x, threshold)
        error = np.abs(run.outputs - self.x @ self.w.T)
        assert error.max() <= threshold * np.abs(self.w).sum(axis=1).max() + 1e-12
        assert run.macs < delta_linear(self.w, self.x).macs

    def test_bad_shapes(self):
        with pytest.raises(InputError, match="time, in"):
            delta_linear(self.w, self.x[:, :5])


class TestAttentionMasks:
    def test_counts(self):
        assert attention.diagonal(10, 1).sum() == 10
        assert attention.diagonal(10, 2).sum() == 28
        assert attention.causal(10).sum() == 55
        assert attention.stripes(10, [0, 3]).sum() == 20
        assert attention.many_diagonals(12, 4)[0].nonzero()[0].tolist() == [0, 4, 8]
        assert attention.nothing(10).sum() == 0

    def test_full_mask_is_attention(self):
        q, k, v = RNG.normal(size=(3, 10, 4))
        score = np.exp(q @ k.T / 2)
        expected = score @ v / score.sum(axis=1, keepdims=True)
        found = attention.masked_attention(q, k, v, attention.full(10))
        np.testing.assert_allclose(found, expected)
        assert (attention.masked_attention(q, k, v, attention.nothing(10)) == 0).all()

    def test_the_cheapest_that_is_close_enough(self):
        n = 16
        q = k = 8 * np.eye(n)
        v = RNG.normal(size=(n, 4))
        masks = {"full": attention.full(n), "diagonal": attention.diagonal(n, 1)}
        assert attention.choose(q, k, v, masks, 0.01) == "diagonal"
        assert attention.choose(np.zeros((n, n)), k, v, masks, 0.01) == "full"
        with pytest.raises(InputError, match="close enough"):
            attention.choose(np.zeros((n, n)), k, v, {"d": masks["diagonal"]}, 0.01)


torch = pytest.importorskip("torch")


@pytest.fixture
def net():
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(1, 8, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(72, 5)]
    return torch.nn.Sequential(*layers)


class TestModels:
    batches = (torch.randn(4, 1, 5, 5, generator=torch.Generator().manual_seed(1)),)

    def test_masks_stay_in_training_and_are_baked(self, net):
        from picojoule.transforms.sparsify.masks import bake

        sparse = Sparsify().apply(net, {"3": Sparse(0.25), "0": Sparse(0.5, Slices(0))})
        assert sparse.sparsity_card.density == {"3": 0.25, "0": 0.5}
        optimiser = torch.optim.SGD(sparse.parameters(), 0.1)
        sparse(self.batches[0]).square().sum().backward()
        optimiser.step()
        assert (sparse[3].weight != 0).float().mean() == 0.25
        kept = copy.deepcopy(sparse)
        baked = bake(sparse)
        assert (kept[3].weight != 0).float().mean() == 0.25, "a copy is still masked"
        assert set(baked.state_dict()) == set(net.state_dict())
        assert (net[3].weight != 0).all()

    def test_what_does_not_fit_is_skipped_and_named(self, net):
        sparse = Sparsify().apply(net, {"0": Sparse(0.5, NofM(2, 4)), "3": Sparse(0.5, NofM(2, 4))})
        assert sparse.sparsity_card.density == {"3": 0.5}
        assert "does not divide" in str(sparse.sparsity_card)

    def test_saliencies_see_inputs_and_gradients(self, net):
        def by_taylor(seen):
            assert np.isfinite(seen.squared_gradient).all()
            return saliency.taylor(seen.weight, seen.gradient)

        def by_wanda(seen):
            return saliency.wanda(seen.weight, np.linalg.norm(seen.inputs, axis=0))

        loss = {"loss": lambda out, _: out.square().sum()}
        for score, more in ((by_taylor, loss), (by_wanda, {})):
            made = Sparsify(score, self.batches, **more).apply(net, {"3": Sparse(0.5)})
            assert made.sparsity_card.density["3"] == 0.5
        assert net[3].weight.grad is None

    def test_bad_input(self, net):
        with pytest.raises(InputError, match="did you mean") as caught:
            Sparsify().apply(net, {"33": Sparse(0.5)})
        assert "33" in str(caught.value)
        with pytest.raises(InputError, match="not finite"):
            Sparsify(calibration=[self.batches[0] * float("nan")]).apply(net, {"3": Sparse(0.5)})
        with pytest.raises(InputError, match="scores are not finite"):
            Sparsify(lambda seen: seen.weight * float("inf")).apply(net, {"3": Sparse(0.5)})

    def test_gradual_masks_let_a_weight_come_back(self, net):
        from picojoule.transforms.sparsify.masks import refresh

        for density in (1.0, 0.5, 0.25):
            refresh(net[3], Unstructured(), density)
            assert (net[3].weight != 0).float().mean() == pytest.approx(density)
        with torch.no_grad():
            net[3].parametrizations.weight.original[0].fill_(9.0)
        refresh(net[3], Unstructured(), 0.25)
        assert (net[3].weight[0] == 9).all()

    def test_two_way_products(self):
        from picojoule.transforms.sparsify.masks import two_way

        x = torch.randn(6, 16, requires_grad=True)
        w = torch.randn(8, 16, requires_grad=True)
        ahead, back = NofM(2, 8, axis=1), NofM(2, 8, axis=0)
        y = two_way(x, w, ahead, back)
        size = w.detach().abs().numpy()
        forward = w.detach() * torch.from_numpy(ahead.mask(size))
        backward = w.detach() * torch.from_numpy(back.mask(size))
        torch.testing.assert_close(y.detach(), x.detach() @ forward.T)
        y.sum().backward()
        torch.testing.assert_close(x.grad, torch.ones(6, 8) @ backward)
        torch.testing.assert_close(w.grad, torch.ones(8, 6) @ x.detach())
