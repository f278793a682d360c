"""Every allocator keeps one contract: within the budget, ties kept, never better than the best."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picojoule.allocate import (
    ALLOCATORS,
    ILP,
    ErrorCap,
    Greedy,
    Gumbel,
    Lagrange,
    Proportional,
    Quantile,
    TopK,
    allocate,
)  # fmt: skip
from picojoule.errors import InputError

every = pytest.mark.parametrize("name", ALLOCATORS)


@st.composite
def problems(draw, resources=None):
    """Small cases with missing options, ties, and a budget between the least and the most."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    units, options = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    count = resources or draw(st.integers(1, 3))
    sensitivity = rng.integers(-4, 60, (units, options)) / 8.0
    cost = rng.integers(0, 32, (units, options, count)) / 4.0
    gone = rng.random((units, options)) < 0.2
    gone[:, rng.integers(options)] = False  # an option that all have
    cost[gone] = rng.choice([np.nan, np.inf])
    sensitivity[gone] = rng.choice([np.nan, 0.0])
    ties = [tuple(rng.choice(units, 2, replace=False))] if units > 1 and rng.random() < 0.4 else []
    fitting = [total for _, _, total in choices(sensitivity, cost, ties)]
    slack = rng.integers(0, 40, count) / 4.0 * (rng.random() < 0.8)
    return sensitivity, cost, fitting[rng.integers(len(fitting))] + slack, ties


def choices(sensitivity, cost, ties):
    """All choices that keep the ties, with their totals."""
    units, options = sensitivity.shape
    here = np.arange(units)
    for picks in itertools.product(range(options), repeat=units):
        total = cost[here, list(picks)].sum(axis=0)
        if np.isfinite(total).all() and all(picks[a] == picks[b] for a, b in ties):
            yield picks, sensitivity[here, list(picks)].sum(), total


def best_loss(sensitivity, cost, budget, ties):
    return min(s for _, s, c in choices(sensitivity, cost, ties) if (c <= budget).all())


@every
@settings(max_examples=60, deadline=None)
@given(problem=problems())
def test_within_the_budget_ties_kept_and_never_better_than_brute_force(name, problem):
    sensitivity, cost, budget, ties = problem
    allocator = Gumbel(steps=20) if name == "gumbel" else ALLOCATORS[name]
    choice = allocator.allocate(*problem)
    here, picks = np.arange(len(sensitivity)), list(choice.options)
    assert (cost[here, picks].sum(axis=0) <= budget * (1 + 1e-9)).all()
    assert all(picks[a] == picks[b] for a, b in ties)
    assert choice.cost == pytest.approx(cost[here, picks].sum(axis=0))
    assert choice.sensitivity == pytest.approx(sensitivity[here, picks].sum())
    best = best_loss(*problem)
    assert choice.bound - 1e-9 <= best <= choice.sensitivity + 1e-9
    assert not choice.optimal or choice.sensitivity == pytest.approx(best)
    assert allocator.allocate(*problem) == choice  # the same inputs give the same choice


@settings(max_examples=200, deadline=None)
@given(problem=problems())
def test_the_ilp_is_brute_force(problem):
    choice = ILP().allocate(*problem)
    assert choice.sensitivity == pytest.approx(best_loss(*problem), abs=1e-9)
    assert choice.optimal


@settings(max_examples=100, deadline=None)
@given(problem=problems())
def test_lagrange_is_within_its_stated_gap(problem):
    choice = Lagrange().allocate(*problem)
    assert choice.sensitivity - best_loss(*problem) <= choice.gap + 1e-9
    assert choice.multiplier is not None
    assert min(choice.multiplier) >= 0


def spread(units=40, seed=0):
    """Layers of different size and sensitivity at 2, 4 and 8 bits, and the budget of 4 bits."""
    rng = np.random.default_rng(seed)
    bits, size = np.array([2, 4, 8]), rng.lognormal(0, 1, (units, 1))
    cost = (size * bits)[..., None]
    return rng.lognormal(0, 1, (units, 1)) * 4.0**-bits, cost, cost[:, 1].sum(axis=0)


def test_lagrange_reaches_the_bound_of_the_linear_program():
    from scipy.optimize import linprog

    s, c, b = spread()
    one = np.kron(np.eye(len(s)), np.ones(3))
    lp = linprog(s.ravel(), c.reshape(1, -1), b, one, np.ones(len(s)), bounds=(0, 1))
    assert Lagrange().allocate(s, c, b).bound == pytest.approx(lp.fun, rel=1e-9)


def test_methods_that_know_costs_beat_the_uniform_choice():
    s, c, b = spread()
    uniform, best = s[:, 1].sum(), allocate(s, c, b).sensitivity
    for name in ("lagrange", "greedy", "gumbel"):
        assert best <= allocate(s, c, b, method=name).sensitivity < 0.9 * uniform


def test_gumbel_by_seed():
    s, c, b = spread()
    one, again, other = (Gumbel(steps=2, seed=i).allocate(s, c, b) for i in (0, 0, 1))
    assert one == again
    assert one.options != other.options


def test_thousands_of_units_in_seconds():
    s, c, b = spread(3000)
    choice = allocate(s, c, b)
    assert choice.gap <= 1e-6 * choice.sensitivity
    assert allocate(s, c, b, method="greedy").sensitivity < 1.01 * choice.sensitivity


# What each method means.


def test_top_k_ranks_all_units_in_one_list():
    s, c = np.array([[9, 0], [1, 0], [5, 0.0]]), np.array([[[1], [2]]] * 3)
    assert TopK().allocate(s, c, np.array([5])).options == (1, 0, 1)
    assert TopK(k=1).allocate(s, c, np.array([5])).options == (1, 0, 0)
    with pytest.raises(InputError, match="k exceeds the budget"):
        TopK(k=3).allocate(s, c, np.array([5]))


def test_quantile_cuts_into_tiers_and_moves_the_cuts_to_fit():
    s = np.array([[6, 1, 0], [1, 0.5, 0], [4, 1, 0], [2, 1, 0], [5, 1, 0], [3, 1, 0.0]])
    c = np.array([[[4], [8], [16]]] * 6)
    assert Quantile().allocate(s, c, np.array([56])).options == (2, 0, 1, 0, 2, 1)
    assert Quantile((0.5, 0, 0.5)).allocate(s, c, np.array([99])).options == (2, 0, 2, 0, 2, 0)
    tight = Quantile().allocate(s, c, np.array([40]))
    assert tight.options == (1, 0, 0, 0, 1, 0)
    with pytest.raises(InputError, match="fractions"):
        Quantile((0.5, 0.1)).allocate(s, c, np.array([56]))


def test_an_error_cap_takes_the_cheapest_below_it_else_the_best():
    s, c = np.array([[3, 2, 1], [9, 8, 7.0]]), np.array([[[1], [2], [3]]] * 2)
    assert ErrorCap(cap=2).allocate(s, c, np.array([9])).options == (1, 2)
    assert ErrorCap().allocate(s, c, np.array([4])).options == (0, 2)  # the least cap
    with pytest.raises(InputError, match=r"(?s)exceeds the budget.*at least 3"):
        ErrorCap(cap=2).allocate(s, c, np.array([4]))


def test_proportional_shares_follow_the_score_down_to_the_cap():
    keep = np.linspace(0, 1, 101)
    score = np.array([[1.0], [3.0], [1e-9]])
    s, c = score * (1 - keep), np.tile(keep[:, None], (3, 1, 1))
    free = Proportional().allocate(s, c, np.array([1.2])).options
    assert free == pytest.approx((30, 90, 0), abs=1)
    capped = Proportional(max_sparsity=0.8).allocate(s, c, np.array([1.2])).options
    assert capped == pytest.approx((25, 75, 20), abs=1)
    with pytest.raises(InputError, match=r"(?s)cap on sparsity.*at least 1.5"):
        Proportional(max_sparsity=0.5).allocate(s, c, np.array([1.2]))


def test_greedy_gives_up_the_least_per_cost():
    s, c = np.array([[3, 0], [3, 0.0]]), np.array([[[1], [9]], [[1], [3]]])
    assert Greedy().allocate(s, c, np.array([10])).options == (0, 1)


# Wrong inputs, named. Every method goes through the same door.


@every
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sensitivity": np.full((2, 2), np.nan)}, "unit 0, option 0: a sensitivity is not finite"),
        ({"sensitivity": np.zeros(2)}, r"sensitivity isn't \[unit, option\]"),
        ({"cost": np.ones((2, 3, 1))}, r"(?s)cost doesn't match.*\(2, 2, 'resource'\)"),
        ({"cost": np.array([[[1], [-1]], [[1], [1]]])}, "unit 0, option 1: a cost is negative"),
        ({"cost": np.array([[[1], [1]], [[np.nan], [np.inf]]])}, "unit 1: a unit has no option"),
        ({"budget": np.ones(2)}, "budget doesn't match cost"),
        ({"budget": np.array([np.nan])}, "resource 0: a budget is not a number"),
        ({"budget": np.array([1.5])}, r"(?s)infeasible.*at least \[2.0\]"),
        ({"ties": [(0, 2)]}, r"(?s)tie is out of range.*got 2, expected 0..1"),
        (
            {"ties": [(0, 1)], "cost": np.array([[[1], [np.nan]], [[np.nan], [1]]])},
            r"units \[0, 1\]: tied units have no option in common",
        ),
    ],
)
def test_wrong_inputs_are_named(name, change, message):
    good = {
        "sensitivity": np.array([[1, 0], [1, 0.0]]), "cost": np.array([[[1], [2]]] * 2),
        "budget": np.array([3]), "ties": [],
    }  # fmt: skip
    with pytest.raises(InputError, match=message):
        ALLOCATORS[name].allocate(**good | change)


@every
def test_budgets_that_hold_one_by_one_and_not_together(name):
    s, c = np.zeros((2, 2)), np.array([[[1, 4], [4, 1]]] * 2, dtype=float)
    with pytest.raises(InputError, match=r"(?s)not together.*at least \[5.0, 5.0\]"):
        ALLOCATORS[name].allocate(s, c, np.array([4, 4]))
    assert sorted(ALLOCATORS[name].allocate(s, c, np.array([5, 5])).options) == [0, 1]


@every
def test_no_limit_gives_everyone_the_best_where_sensitivity_decides(name):
    s, c = np.array([[2, 1], [3, 1.0]]), np.array([[[1], [2]]] * 2)
    choice = ALLOCATORS[name].allocate(s, c, np.array([np.inf]))
    if name not in ("quantile",):  # tiers are tiers
        assert choice.options == (1, 1)


def test_an_unknown_method_is_named():
    with pytest.raises(InputError, match=r"(?s)no allocator 'lagrang'.*lagrange"):
        allocate(np.zeros((1, 1)), np.zeros((1, 1, 1)), np.zeros(1), method="lagrang")


@every
def test_units_of_measurement_do_not_matter(name):
    """Nanojoules and gigabit operations in one problem, and a loss of any size."""
    s, c, _ = spread(12)
    cost = np.concatenate([c, c**1.2], axis=2)
    budget = cost[:, 1].sum(axis=0) * 0.9
    plain = allocate(s, cost, budget, method=name)
    factor = np.array([2.0**-30, 2.0**33])
    scaled = allocate(s * 2.0**-20, cost * factor, budget * factor, method=name)
    assert scaled.options == plain.options
    assert scaled.cost == pytest.approx(np.array(plain.cost) * factor)
