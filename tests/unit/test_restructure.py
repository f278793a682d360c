"""Every order of evaluation gives the same values; the oracles are the definitions."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from picojoule.errors import InputError
from picojoule.transforms.restructure import attention, continual, moe, recurrence

RNG = np.random.default_rng(0)
Q, K = RNG.normal(size=(2, 200, 16))
V = RNG.normal(size=(200, 8))


def signs(x):
    return np.where(x[:, :12] >= 0, 1.0, -1.0)


class TestAttention:
    def test_softmax_rows_are_the_definition(self):
        out = attention.quadratic(Q, K, V, attention.softmax)
        weight = np.exp(Q[3] @ K.T / 4)
        np.testing.assert_allclose(out[3], weight @ V / weight.sum())

    def test_binary_codes_linear_is_quadratic(self):
        kernel = attention.HashCodes(signs)
        first = attention.quadratic(Q, K, V, kernel)
        np.testing.assert_allclose(
            first, attention.associative(Q, K, V, kernel.features), atol=1e-12
        )
        hamming = (signs(Q)[:, None] != signs(K)[None]).sum(axis=2)
        np.testing.assert_allclose(kernel(Q, K), 12 - 2 * hamming + 13)

    @pytest.mark.parametrize("decay", [1.0, math.exp(-0.03), 0.5])
    @pytest.mark.parametrize("block", [1, 32, 64, 200, 999])
    def test_tiles_steps_and_scores_agree(self, decay, block):
        mask = attention.decay_mask(200, decay)
        dense = attention.quadratic(Q, K, V, lambda q, k: q @ k.T, mask, normalise=False)
        tiles = attention.tiled(Q, K, V, decay, block)
        scale = np.abs(dense).max()
        assert np.abs(tiles - attention.recurrent(Q, K, V, decay)).max() < 1e-12 * scale
        assert np.abs(tiles - dense).max() < 1e-12 * scale

    def test_power_rows_sum_to_1_and_scale_does_not_matter(self):
        ones = np.ones((200, 1))
        np.testing.assert_allclose(attention.quadratic(Q, K, ones, attention.Power(4)), ones)
        np.testing.assert_allclose(
            attention.quadratic(Q, K, V, attention.Power(2)),
            attention.quadratic(1e8 * Q, K, V, attention.Power(2)),
        )
        with pytest.raises(InputError, match="even"):
            attention.Power(3)(Q, K)


class TestRecurrence:
    a, b = RNG.uniform(0.2, 1.0, (150, 5)), RNG.normal(size=(150, 5))

    def test_selective(self):
        steps = recurrence.recurrent(self.a, self.b)
        h = np.zeros(5)
        for a, b, out in zip(self.a, self.b, steps, strict=True):
            h = a * h + b
            np.testing.assert_array_equal(out, h)
        np.testing.assert_allclose(recurrence.scan(self.a, self.b), steps, atol=1e-12)
        for block in (1, 16, 64, 1000):
            np.testing.assert_allclose(recurrence.chunked(self.a, self.b, block), steps, atol=1e-12)

    @pytest.mark.parametrize("turn", [0.0, 1.0])
    def test_constant_is_a_convolution_too(self, turn):
        a = 0.95 * np.exp(1j * turn * np.arange(5)) if turn else np.full(5, 0.95)
        steps = recurrence.recurrent(a, self.b)
        np.testing.assert_allclose(recurrence.convolution(a, self.b), steps, atol=1e-9)
        with pytest.raises(InputError, match="constant"):
            recurrence.convolution(self.a, self.b)

    def test_hippo_and_its_discretisation(self):
        matrix = recurrence.hippo_legs(8)
        np.testing.assert_allclose(np.sort(np.linalg.eigvals(matrix).real), -np.arange(8, 0, -1.0))
        step, _ = recurrence.bilinear(matrix, np.ones((8, 1)), 1e-4)
        np.testing.assert_allclose(step, np.eye(8) + 1e-4 * matrix, atol=1e-5)
        assert (
            np.abs(np.linalg.eigvals(recurrence.bilinear(matrix, np.ones((8, 1)), 1.0)[0])).max()
            < 1
        )


class TestMoE:
    up, down = RNG.normal(size=(32, 8)), RNG.normal(size=(8, 32))
    x, router = RNG.normal(size=(20, 8)), RNG.normal(size=(8, 4))

    @staticmethod
    def relu(x):
        return np.maximum(x, 0)

    def test_all_parts_of_a_layer_are_the_layer(self):
        parts = moe.split_ffn(self.up, self.down, self.relu, 4)
        whole = self.relu(self.x @ self.up.T) @ self.down.T
        np.testing.assert_allclose(sum(part(self.x) for part in parts), whole)
        with pytest.raises(InputError, match="divide"):
            moe.split_ffn(self.up, self.down, self.relu, 5)

    def test_token_by_token(self):
        experts = [lambda x, c=c: c * x for c in (1.0, 2.0, 3.0, 4.0)]
        out = moe.MoE(experts, [self.router], k=2)(self.x)
        for token, found in zip(self.x, out, strict=True):
            score = token @ self.router
            best = np.argsort(-score)[:2]
            gate = np.exp(score[best]) / np.exp(score[best]).sum()
            np.testing.assert_allclose(found, (gate * (best + 1)).sum() * token)

    def test_iterations_shared_experts_and_residuals(self):
        one = [lambda x: 2 * x]
        chain = moe.MoE(one, [np.zeros((8, 1))] * 2, k=1, shared=[lambda x: x], inner_residual=True)
        np.testing.assert_allclose(chain(self.x), 16 * self.x)
        with pytest.raises(InputError, match="experts per token"):
            moe.MoE(one, [np.zeros((8, 1))], k=2)(self.x)

    def test_combinations(self):
        few = sum(1 for _ in itertools.combinations(range(6), 2)) ** 2
        assert moe.combinations(6, 2, 2) == few
        assert moe.combinations(64, 4, 2) / moe.combinations(64, 8) == pytest.approx(91.2, abs=0.05)


class TestStreams:
    layers = tuple(
        continual.Temporal(RNG.normal(size=(o, i, 3))) for i, o in ((4, 8), (8, 16), (16, 16))
    )

    def test_steps_are_the_clip(self):
        x = RNG.normal(size=(64, 4))
        whole = continual.clip(self.layers, x)
        np.testing.assert_allclose(continual.stream(self.layers, x), whole, atol=1e-10)
        assert len(whole) == 64 - continual.receptive_field(self.layers) + 1

    def test_costs(self):
        assert continual.step_macs(self.layers) == 1248
        assert continual.clip_macs(self.layers, 64) == 62 * 96 + 60 * 384 + 58 * 768
        assert sum(layer.state for layer in self.layers) == 56

    def test_a_clip_too_short(self):
        with pytest.raises(InputError, match="receptive field"):
            continual.clip(self.layers, np.zeros((6, 4)))
