"""Sensitivities on quadratics, whose gradients, Hessians and drops are known in closed form."""

import numpy as np
import pytest
import torch

from picojoule.allocate import sensitivity as S  # noqa: N812
from picojoule.errors import InputError


def quadratic(units=(6, 4), seed=0):
    """½ wᵀHw + bᵀw with w split into units, which H couples. Returns weights, H, b, loss."""
    generator = torch.Generator().manual_seed(seed)
    n = sum(units)
    root = torch.randn(n, n, generator=generator, dtype=torch.float64)
    hessian, b = root @ root.T / n, torch.randn(n, generator=generator, dtype=torch.float64)
    flat = torch.randn(n, generator=generator, dtype=torch.float64)
    weights = [w.reshape(2, -1).clone().requires_grad_() for w in flat.split(list(units))]

    def loss():
        w = torch.cat([x.reshape(-1) for x in weights])
        return w @ hessian @ w / 2 + b @ w

    return weights, hessian, b, loss


def rounded(weights, steps=(0.5, 0.1)):
    return [[(torch.round(w / s) * s - w).detach() for s in steps] for w in weights]


def squared(changes):
    return np.array([[float((d**2).sum()) for d in row] for row in changes])


def gradients(weights, hessian, b):
    w = torch.cat([x.detach().reshape(-1) for x in weights])
    sizes = [x.numel() for x in weights]
    return [g.reshape(2, -1) for g in (hessian @ w + b).split(sizes)]


def test_hutchinson_finds_the_trace_of_each_block():
    weights, hessian, _, loss = quadratic()
    exact = np.array([torch.trace(hessian[:6, :6]) / 6, torch.trace(hessian[6:, 6:]) / 4])
    trace = S.mean_trace(loss, weights, samples=4000)
    assert trace == pytest.approx(exact, rel=0.05)
    assert (S.mean_trace(loss, weights, samples=4000) == trace).all()  # by seed
    changes = rounded(weights)
    got = S.hessian_trace(loss, weights, changes, samples=4000)
    assert got == pytest.approx(trace[:, None] * squared(changes))


def test_a_diagonal_hessian_needs_one_sample():
    w = [torch.ones(3, requires_grad=True), torch.ones(2, requires_grad=True)]
    d = torch.tensor([1.0, 2.0, 3.0])
    loss = lambda: (d * w[0] ** 2).sum() / 2 + 5 * (w[1] ** 2).sum()  # noqa: E731
    assert S.mean_trace(loss, w, samples=1) == pytest.approx([2.0, 10.0])


def test_a_linear_loss_has_no_curvature():
    w = [torch.ones(3, requires_grad=True)]
    assert (S.hessian_trace(w[0].sum, w, [[torch.ones(3)]]) == 0).all()


def test_fisher_is_the_mean_squared_gradient_times_the_error():
    w = torch.tensor([1.0, -2.0], requires_grad=True)
    batches = [torch.tensor([1.0, 0.0]), torch.tensor([3.0, 2.0])]
    got = S.fisher(lambda x: (x * w).sum(), batches, [w], [[torch.tensor([0.1, 1.0])]])
    assert got == pytest.approx(np.array([[(5 * 0.01 + 2 * 1) / 2]]))


def test_taylor_of_pruning_is_w_times_g():
    weights, hessian, b, loss = quadratic()
    g = gradients(weights, hessian, b)
    got = S.taylor(lambda _: loss(), [0, 1], weights, [[-w.detach()] for w in weights])
    exact = [[float((w.detach() * x).abs().sum())] for w, x in zip(weights, g, strict=True)]
    assert got == pytest.approx(np.array(exact))


def test_zeroth_order_finds_the_squared_gradient_and_restores_the_weights():
    weights, hessian, b, loss = quadratic()
    before = [w.detach().clone() for w in weights]
    changes = rounded(weights)
    got = S.zeroth_order(loss, weights, changes, samples=3000)
    g = gradients(weights, hessian, b)
    exact = np.array([float((x**2).mean()) for x in g])[:, None] * squared(changes)
    assert got == pytest.approx(exact, rel=0.1)
    assert all(torch.equal(a, w) for a, w in zip(before, weights, strict=True))


def test_weights_are_restored_when_the_loss_fails():
    w = torch.ones(3)
    with pytest.raises(InputError, match="the loss: not a finite number"):
        S.zeroth_order(lambda: float("nan"), [w], [[w]])
    assert torch.equal(w, torch.ones(3))


def test_measured_drop():
    score = lambda unit, option: None if (unit, option) == (1, 0) else 0.9 - 0.1 * option  # noqa: E731
    got = S.measured_drop(score, 0.95, 2, 2)
    assert got == pytest.approx(np.array([[0.05, 0.15], [np.nan, 0.15]]), nan_ok=True)
    with pytest.raises(InputError, match="unit 0, option 0: not a finite number"):
        S.measured_drop(lambda *_: float("inf"), 1.0, 1, 1)


def test_a_prune_curve_is_read_at_the_same_squared_error():
    """Two small and two large weights, and a drop equal to the sparsity."""
    w = torch.tensor([1.0, -1.0, 2.0, 2.0])
    changes = [[torch.tensor(d)] for d in ([0.0] * 4,)]
    error = [torch.full((4,), e) for e in (0.0, 0.5**0.5, 1.0, 9.0)]
    got = S.prune_curve(lambda _, s: s, [w], [error], sparsities=(0.5,))
    # Energy pruned: 2 at a half, 10 at all. ‖ΔW‖² = 0, 2, 4 and more than all.
    assert got == pytest.approx(np.array([[0.0, 0.5, 0.5 + 0.5 * 2 / 8, 1.0]]), abs=1e-6)
    with pytest.raises(InputError, match="sparsities don't rise"):
        S.prune_curve(lambda _, s: s, [w], changes, sparsities=(0.5, 0.2))


def test_cca_ignores_linear_maps_and_sees_lost_directions():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 4))
    lost = x.copy()
    lost[:, :2] = 0
    noise = rng.standard_normal((400, 4))
    got = S.cca([x], [[x @ rng.standard_normal((4, 4)) + 3, lost, x + noise, None]])
    assert got[0, :2] == pytest.approx([0.0, 0.5], abs=1e-9)
    assert got[0, 2] == pytest.approx(1 - 0.5**0.5, abs=0.05)  # ρ of a signal with equal noise
    assert np.isnan(got[0, 3])


def test_cca_of_too_few_samples_is_refused():
    with pytest.raises(InputError, match=r"(?s)unit 0: outputs aren't \[sample, feature\]"):
        S.cca([np.ones((3, 3))], [[np.ones((3, 3))]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([[torch.ones(2)]], "unit 0, option 0: a change has another shape"),
        ([[torch.ones(3)], [torch.ones(3)]], r"changes aren't \[unit\]\[option\]"),
        ([[torch.full((3,), float("nan"))]], "unit 0, option 0: not a finite number"),
    ],
)
def test_wrong_changes_are_named(changes, message):
    w = torch.ones(3, requires_grad=True)
    with pytest.raises(InputError, match=message):
        S.hessian_trace((w**2).sum, [w], changes, samples=1)


def test_a_missing_option_is_not_a_number():
    w = torch.ones(3, requires_grad=True)
    got = S.hessian_trace((w**2).sum, [w], [[None, torch.ones(3)]], samples=1)
    assert got == pytest.approx(np.array([[np.nan, 6.0]]), nan_ok=True)


def test_no_calibration_data_is_an_error():
    w = torch.ones(3, requires_grad=True)
    with pytest.raises(InputError, match="no calibration data"):
        S.fisher(lambda _: w.sum(), [], [w], [[torch.ones(3)]])
