"""Placement on device, edge and cloud, against brute force over all placements."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picojoule.chips import load_chip
from picojoule.cluster.fleet import Part, Tier, parts_of, place, placements
from picojoule.cluster.fleet.parts import crossing
from picojoule.cost import estimate
from picojoule.errors import InputError, RequirementFailed
from picojoule.policies import Link, crossover_bit_s

NAMES = ("device", "edge", "cloud")
numbers = st.integers(0, 9).map(float)


@st.composite
def problems(draw: st.DrawFn):
    parts = []
    for i in range(draw(st.integers(1, 4))):
        where = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
        cost = {name: (draw(numbers), draw(numbers)) for name in where}
        parts.append(Part(f"p{i}", cost, draw(numbers)))
    tiers = [Tier(name, draw(numbers), draw(st.sampled_from([0.0, 1.0, 1.5]))) for name in NAMES]
    pairs = draw(st.lists(st.sampled_from(list(itertools.permutations(NAMES, 2))), unique=True))
    links = {p: Link(draw(st.integers(1, 9)), draw(numbers), draw(numbers)) for p in pairs}
    return parts, tiers, links, draw(st.sampled_from([None, *NAMES])), draw(numbers)


def routes(links, a, b):
    """All simple ways from a to b, as lists of links."""
    for inner in itertools.chain.from_iterable(
        itertools.permutations([n for n in NAMES if n not in (a, b)], k) for k in range(2)
    ):
        hops = list(itertools.pairwise([a, *inner, b])) if a != b else []
        if all(hop in links for hop in hops):
            yield [links[hop] for hop in hops]


def brute(parts, tiers, links, sink, result_b):
    """(energy, time) of every placement over every route."""
    own = {t.name: t for t in tiers}
    idle_w = sum(t.weight * t.idle_w for t in tiers)
    out = []
    for where in itertools.product(NAMES, repeat=len(parts)):
        if any(name not in part.cost for name, part in zip(where, parts, strict=True)):
            continue
        stops = ["device", *where, *([] if sink is None else [sink])]
        sizes = [p.input_b for p in parts] + [result_b]
        legs = [list(routes(links, a, b)) for a, b in itertools.pairwise(stops)]
        for chosen in itertools.product(*legs):
            energy = time = 0.0
            for hops, size in zip(chosen, sizes, strict=False):
                for link in hops:
                    spent = link.latency_s + size * 8 / link.bit_s
                    energy += size * 8 * link.joule_per_bit + idle_w * spent
                    time += spent
            for name, part in zip(where, parts, strict=True):
                joules, spent = part.cost[name]
                others = sum(t.weight * t.idle_w for t in tiers if t.name != name)
                energy += own[name].weight * joules + others * spent
                time += spent
            out.append((energy, time))
    return out


@settings(max_examples=100, deadline=None)
@given(problems(), st.floats(0, 200))
def test_placements_agree_with_brute_force(problem, bound):
    parts, tiers, links, sink, result_b = problem
    every = brute(parts, tiers, links, sink, result_b)
    ask = {"source": "device", "sink": sink, "result_b": result_b}
    if not every:
        with pytest.raises(InputError, match="no placement"):
            placements(parts, tiers, links, **ask)
        return
    fast = min(t for _, t in every)
    within = [e for e, t in every if t <= bound * (1 + 1e-12)]
    if within:
        found = place(parts, tiers, links, latency_s=bound * (1 + 1e-12), **ask)
        assert math.isclose(found.energy_j, min(within), abs_tol=1e-9)
        assert len(found.tiers) == len(parts)
    else:
        with pytest.raises(RequirementFailed) as failed:
            place(parts, tiers, links, latency_s=bound, **ask)
        assert f"{fast:.6g} s" in str(failed.value)
    front = placements(parts, tiers, links, **ask)
    assert math.isclose(min(p.time_s for p in front), fast, abs_tol=1e-9)
    assert all(
        a.energy_j < b.energy_j and a.time_s > b.time_s for a, b in itertools.pairwise(front)
    )


def split(bit_s: float, sent: float = 10_092.0) -> float:
    """Joules of a device that stays local (4 mJ) or runs a head (1 mJ) and sends, at 1.2 W."""
    tiers = (Tier("device"), Tier("edge", weight=0))
    parts = (
        Part("head", {"device": (1e-3, 0.01)}, 150_528),
        Part("tail", {"device": (3e-3, 0.1), "edge": (0.5, 0.001)}, sent),
    )
    links = {("device", "edge"): Link.sending_at(1.2, bit_s)}
    return place(parts, tiers, links, source="device").energy_j


def test_crossover_bandwidth_is_where_the_cheapest_placement_changes():
    predicted = crossover_bit_s(4e-3, 1e-3, 0, 10_092, 1.2)
    grid = [predicted * 10 ** (k / 100) for k in range(-100, 101)]
    leaves = next(r for r in grid if split(r) < 4e-3 * (1 - 1e-9))
    assert leaves == pytest.approx(predicted, rel=0.05)
    assert math.isnan(crossover_bit_s(1e-3, 4e-3, 0, 10_092, 1.2))


def test_parts_of_a_traced_network():
    torch = pytest.importorskip("torch")
    from picojoule.graph.trace import trace

    with torch.device("meta"):
        block = torch.nn.Conv2d(8, 8, 3, padding=1)
        net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, 2, 1), _Residual(block))
    graph = trace(net, (torch.empty(1, 3, 32, 32, device="meta"),))
    ledgers = {n: estimate(graph, on=load_chip(c)) for n, c in
               [("device", "raspberry-pi-4"), ("cloud", "h100-sxm")]}  # fmt: skip
    parts = parts_of(graph, ledgers)
    assert [len(cut) for cut in crossing(graph)] == [1, 1, 2]  # image; residual input; both
    assert [p.input_b for p in parts] == [3 * 32 * 32 * 4, 8 * 16 * 16 * 4]
    for tier, ledger in ledgers.items():
        total = ledger.total()
        assert sum(p.cost[tier][0] for p in parts) == pytest.approx(total.energy.value)
        assert sum(p.cost[tier][1] for p in parts) == pytest.approx(total.time.value)


def _Residual(block):
    torch = pytest.importorskip("torch")

    class Residual(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = block

        def forward(self, x):
            return x + self.block(x)

    return Residual()


def test_what_is_not_possible_is_refused():
    part = Part("p", {"device": (1.0, 1.0)}, 8)
    for links in ({}, {("device", "moon"): Link(1, 1)}):
        with pytest.raises(InputError):
            placements([part], [Tier("device"), Tier("edge")], links, source="device", sink="edge")
    with pytest.raises(InputError, match="bandwidth"):
        Link(0, 1)
    with pytest.raises(InputError, match="bandwidth"):
        Link.sending_at(1, -5)
    with pytest.raises(InputError):
        placements([], [Tier("device")], {}, source="device")
    with pytest.raises(InputError):
        Part("p", {"device": (math.nan, 1.0)}, 8)
    with pytest.raises(RequirementFailed, match="1 s, or give"):
        place([part], [Tier("device")], {}, source="device", latency_s=0.5)
