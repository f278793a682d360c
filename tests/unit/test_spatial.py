"""The mapper against a walk through the loops, brute force, and the laws that mapping keeps."""

from __future__ import annotations

import itertools
import math
import random
import re
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spatial_fakes import chip, conv, k, matmul, memory
from spatial_walk import walk

from picojoule.chips.spatial import Constraint, Level, SpatialPart
from picojoule.cost import SpatialEstimator, estimate
from picojoule.cost.spatial import Effort, Mapping, best_mapping, machine_of, nest_of, replay
from picojoule.cost.spatial.cuts import Choices
from picojoule.cost.spatial.orders import all_orders, loops_of
from picojoule.cost.spatial.reuse import Setup, flows
from picojoule.cost.spatial.score import score
from picojoule.cost.spatial.spread import spreads
from picojoule.errors import ChipError, InputError
from picojoule.formats import FP32
from picojoule.graph import Graph, Kind, Op, Operand, Role

OPS = {
    "matmul": matmul(4, 6, 8),
    "conv": conv(k=4, c=2, p=4, r=3, q=2, s=2),
    "strided": conv(k=2, c=4, p=4, r=3, stride=2),
    "stride beyond the kernel": conv(k=2, c=2, p=4, r=2, stride=3),
    "dilated": conv(k=2, c=2, p=4, r=3, dilation=2),
    "grouped": conv(k=2, c=2, p=4, r=2, g=3),
    "depthwise": conv(k=1, c=1, p=4, r=3, g=6),
    "transposed": conv(k=2, c=4, p=3, r=2, stride=2, transposed=True),
    "overlapping transposed": conv(k=2, c=2, p=4, r=3, stride=2, transposed=True),
}
MACHINES = {
    "plain": chip(),
    "sliding": chip(levels={"regs": Level(per=("x", "y"), sliding=True)}),
    "read every cycle": chip(part={"holds_inputs": False}),
    "side by side": chip(
        inner=[memory("w", 64, 0.5, roles=("weight",)), memory("o", 4, 0.1, roles=("output",))]
    ),
    "spread positions": chip(unroll={"x": ("p", "m"), "y": ("filter", "channel")}),
    "a buffer per row": chip(
        levels={"buffer": Level(per=("y",))}, unroll={"x": ("position",), "y": ("filter",)}
    ),
}


def random_mapping(nest, machine, seed):
    """Any order, any spread over the array that divides, any cuts: room is not looked at."""
    rng = random.Random(seed)  # noqa: S311
    left, spread = dict(zip(nest.names, nest.extents, strict=True)), []
    for axis, size in zip(machine.axes, machine.sizes, strict=True):
        dim = rng.choice(nest.names)
        units = rng.choice([u for u in range(1, size + 1) if left[dim] % u == 0])
        left[dim] //= units
        spread.append((axis, dim, float(units)))
    loops = []
    for dim, turns in left.items():
        split = rng.choice([t for t in range(1, turns + 1) if turns % t == 0])
        loops += [(dim, float(t)) for t in (split, turns // split) if t > 1]
    rng.shuffle(loops)
    held = {
        t.slot: tuple(sorted(rng.randint(0, len(loops)) for _ in machine.chain(t)[1:]))
        for t in nest.tensors
    }
    return Mapping(tuple(spread), tuple(loops), held)


def roomy(chip):
    """The same chip with levels that hold anything."""
    return msgspec.structs.replace(chip, memory=tuple(
        msgspec.structs.replace(m, capacity_bytes=k(1e9)) for m in chip.memory))  # fmt: skip


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("seed", range(6))
def test_traffic_is_what_a_walk_through_the_loops_moves(op, name, seed):
    nest, machine = nest_of(OPS[op]), machine_of(roomy(MACHINES[name]))
    mapping = random_mapping(nest, machine, seed)
    cost = replay(nest, machine, mapping)
    got = {(a.level, a.tensor): (a.read_bits, a.write_bits) for a in cost.accesses}
    walked = walk(nest, machine, mapping)
    for (number, inner, outer), (inward, outward) in walked.items():
        tensor, level = nest.tensors[number], machine.stores[outer].name
        read, written = got[level, tensor.slot]
        if tensor.slot != "output":
            assert read == pytest.approx(8 * inward)
            continue
        # The widths differ (16 bits while partial), so compare in elements of either.
        assert read in (pytest.approx(8 * inward), pytest.approx(16 * inward)), (inner, outer)
        assert written in (pytest.approx(8 * outward), pytest.approx(16 * outward))
        if not tensor.slides:
            assert (read > 0) == (inward > 0)


def brute_force(nest, machine, objective):
    """The least of all spreads, all orders of the prime factors, and all cuts that fit."""
    best = math.inf
    for spread in spreads(nest, machine, 1):
        setup = Setup(nest, machine, spread)
        orders = all_orders(setup, loops_of(setup))
        moved = flows(setup, orders)
        cuts = all_cuts(moved, orders.dim.shape[1])
        for row in range(len(orders.dim)):
            fit = cuts[[fits(machine, moved, row, c) for c in cuts]]
            chosen = Choices(np.full(len(fit), row), fit, fit, fit[:, 0])
            if len(fit):
                values = score(setup, orders, moved, chosen).by(objective, nest.macs)
                best = min(best, values.min())
    return best


def all_cuts(moved, loops):
    """Every number of loops for every level, inner ones holding no more than outer ones."""
    ranges = [range(loops + 1) if f.inner is not None else range(1) for f in moved]
    sorted_chains = [
        c for c in itertools.product(*ranges)
        if all(a <= b for f, a, b in zip(moved[1:], c, c[1:], strict=False) if f.inner is not None)
    ]  # fmt: skip
    return np.array(sorted_chains, dtype=np.intp)


def fits(machine, moved, row, cuts):
    """Whether the tiles of every level fit, the output as wide as what comes from inside."""
    taken = [0.0] * len(machine.stores)
    for i, flow in enumerate(moved):
        if flow.inner is None:
            continue
        partial = bool(moved[i - 1].partial[row, cuts[i - 1]])
        tile = flow.tile[int(partial)][row]
        replaced = tile[cuts[i]] < tile[-1]
        double = machine.stores[flow.inner].rules.buffering == "double"
        taken[flow.inner] += tile[cuts[i]] * (2 if double and replaced else 1)
    room = [s.capacity_bits * (1 + 1e-9) for s in machine.stores]
    return all(t <= r for t, r in zip(taken, room, strict=True))


SMALL = {
    "matmul": (matmul(2, 4, 2), chip(buffer=20, regs=4, axes={"x": 2})),
    "tight buffer": (matmul(4, 2, 2), chip(buffer=14, regs=4, axes={"x": 2},
                                           unroll={"x": ("channel",)})),
    "conv": (conv(k=2, c=2, p=2, r=2), chip(buffer=16, regs=6, axes={"x": 2},
                                            unroll={"x": ("p",)})),
    "double buffered": (matmul(2, 4, 2), chip(buffer=24, regs=8, axes={"x": 1}, unroll={},
                                              levels={"buffer": Level(buffering="double")})),
    "stopping": (matmul(2, 4, 2), chip(buffer=14, regs=4, axes={"x": 1}, unroll={}, levels={
        "regs": Level(per=("x",), buffering="single"), "DRAM": Level(ports="shared")})),
    "registers larger than their share of the buffer": (
        matmul(4, 4, 2), chip(buffer=10, axes={"x": 2},
                              inner=[memory("w", 8, 0.5, roles=("weight",))])),
}  # fmt: skip


@pytest.mark.parametrize("objective", ["energy", "latency", "edp"])
@pytest.mark.parametrize("name", SMALL)
def test_the_search_finds_what_brute_force_finds(name, objective):
    op, small = SMALL[name]
    slow = [msgspec.structs.replace(m, bandwidth_b_s=k(5e8 * 2**i))
            for i, m in enumerate(small.memory)]  # fmt: skip
    nest, machine = nest_of(op), machine_of(msgspec.structs.replace(small, memory=tuple(slow)))

    found = best_mapping(nest, machine, objective, mac_pj=1.0, effort=Effort(9, 1, 1, 0))
    assert found.value == pytest.approx(brute_force(nest, machine, objective), rel=1e-9)


QUICK = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
SIZES = st.sampled_from([1, 2, 3, 4, 6])
FULL = Effort(loops=9, samples=1, spreads=1, starts=0)
ONE = {"axes": {"x": 2}, "unroll": {"x": ("filter",)}}


@QUICK
@given(SIZES, SIZES, SIZES, st.integers(4, 40), st.integers(1, 40), st.integers(2, 30))
def test_a_larger_level_never_costs_energy(m, n, kk, regs, more, extra):
    nest = nest_of(matmul(m, n, kk))
    sizes = {"buffer": 4.0 * regs + more, "regs": float(regs)}
    small = best_mapping(nest, machine_of(chip(**sizes, **ONE)), effort=FULL)
    for level, size in sizes.items():
        larger = {"buffer": 1e4} if level == "regs" else {}
        grown = {**sizes, **larger, level: size + extra}
        base = small
        if larger:
            base = best_mapping(nest, machine_of(chip(**{**sizes, **larger}, **ONE)), effort=FULL)
        large = best_mapping(nest, machine_of(chip(**grown, **ONE)), effort=FULL)
        assert large.value <= base.value * (1 + 1e-9)


@QUICK
@given(SIZES, SIZES, st.sampled_from([2, 3]), st.integers(40, 90), st.integers(1, 60))
def test_a_smaller_level_never_gives_fewer_fills(kk, p, r, buffer, less):
    nest = nest_of(conv(k=kk, c=2, p=p, r=r))

    def fills(size):
        machine = machine_of(chip(buffer=float(size), regs=4.0, **ONE))
        costless = replace(machine, stores=tuple(
            replace(s, read=float(i == 0), write=float(i == 0))
            for i, s in enumerate(machine.stores)))  # fmt: skip
        return best_mapping(nest, costless, effort=FULL).value  # bits of DRAM alone

    assert fills(buffer) <= fills(max(16, buffer - less)) * (1 + 1e-9)


def test_compulsory_traffic_is_all_that_a_large_chip_moves():
    op = conv(k=8, c=4, p=6, r=3, q=6, s=3)
    nest, machine = nest_of(op), machine_of(chip(buffer=1e6))
    cost = replay(nest, machine, best_mapping(nest, machine).mapping)
    dram = {a.tensor: a.read_bits + a.write_bits for a in cost.accesses if a.level == "DRAM"}
    for tensor, operand in zip(nest.tensors, op.operands, strict=True):
        assert dram[tensor.slot] == 8 * op.elements(operand)


@pytest.mark.parametrize("slot", ["weight", "input", "output"])
def test_a_stationary_operand_changes_as_seldom_as_it_can(slot):
    nest, machine = nest_of(matmul(4, 8, 8)), machine_of(chip(rules={"stationary": slot}))
    found = best_mapping(nest, machine, effort=Effort(loops=9, starts=0))
    tensor = next(t for t in nest.tensors if t.slot == slot)
    indexed = [nest.names.index(d) in tensor.relevant for d, _ in found.mapping.loops]
    assert indexed == sorted(indexed)


def test_even_inside_and_outside_are_kept():
    rules = {"even": ("buffer",), "outside": {"buffer": ("m", "n")}, "inside": {"regs": ("k",)}}
    nest, machine = nest_of(matmul(8, 8, 8)), machine_of(chip(buffer=100, rules=rules))
    mapping = best_mapping(nest, machine).mapping
    cut = {held[-1] for held in mapping.held.values()}
    assert len(cut) == 1
    assert {d for d, _ in mapping.loops[cut.pop() :]} <= {"m", "n"}
    first = {held[0] for held in mapping.held.values()}
    assert {d for d, _ in mapping.loops[: max(first)]} <= {"k"}


def test_a_dim_that_does_not_divide_is_spread_evenly():
    nest, machine = nest_of(matmul(4, 10, 4)), machine_of(chip())
    mapping = best_mapping(nest, machine).mapping
    assert ("x", "n", pytest.approx(10 / 3)) in mapping.spread
    assert replay(nest, machine, mapping).busy["array"] == 4 * 3 * 2


def test_a_large_prime_is_cut_in_two():
    nest, machine = nest_of(matmul(197, 4, 2)), machine_of(chip(buffer=256))
    mapping = best_mapping(nest, machine).mapping
    assert sorted(t for d, t in mapping.loops if d == "m") == [14, pytest.approx(197 / 14)]


def test_padding_is_not_fetched():
    op = conv(k=2, c=2, p=8, r=3, q=8, s=3)
    padded = replace(op.operands[0], stored=2 * 8 * 8)
    op = replace(op, operands=(padded, *op.operands[1:]))
    nest = nest_of(op)
    assert {s.limit for s in nest.tensors[0].slides} == {8}


class TestBadInput:
    def test_a_mapping_that_does_not_fit_names_the_level_and_its_bytes(self):
        nest, machine = nest_of(matmul(4, 4, 4)), machine_of(chip(buffer=20))
        loops = (("k", 4.0), ("n", 4.0), ("m", 4.0))
        whole = Mapping((), loops, {"input": (0, 3), "weight": (0, 3), "output": (0, 3)})
        with pytest.raises(InputError, match="doesn't fit in 'buffer'") as caught:
            replay(nest, machine, whole)
        assert "48 bytes" in str(caught.value)
        assert "expected 20" in str(caught.value)

    def test_nothing_fits(self):
        nest = nest_of(conv(k=4, c=4, p=8, r=3))
        rules = {"outside": {"buffer": ("n",)}}
        with pytest.raises(InputError, match="'buffer' is too small") as caught:
            best_mapping(nest, machine_of(chip(buffer=20, rules=rules)))
        assert "bytes for the smallest tiles" in str(caught.value)

    @pytest.mark.parametrize(("mapping", "message"), [
        (Mapping((), (("k", 4.0),), {}), "doesn't cover a dim"),
        (Mapping((("z", "n", 2.0),), (), {}), "names axis 'z'"),
        (Mapping((("x", "w", 2.0),), (), {}), "names dim 'w'"),
        (Mapping((("y", "n", 4.0),), (), {}), "more units than axis 'y' has"),
        (Mapping((("x", "n", 4.0),), (("m", 4.0), ("k", 4.0)),
                 {"input": (2, 1), "weight": (0, 0), "output": (0, 0)}), "held of 'input'"),
    ])  # fmt: skip
    def test_a_mapping_of_something_else(self, mapping, message):
        with pytest.raises(InputError, match=message):
            replay(nest_of(matmul(4, 4, 4)), machine_of(chip()), mapping)

    def test_an_unknown_objective(self):
        with pytest.raises(InputError, match="unknown objective 'speed'"):
            best_mapping(nest_of(matmul()), machine_of(chip()), "speed")

    @pytest.mark.parametrize(("broken", "message"), [
        (lambda: chip(levels={"rugs": Level()}), "'rugs' in .spatial. is no memory"),
        (lambda: chip(levels={"regs": Level(per=("z",))}), "'z' in .spatial. is no axis"),
        (lambda: chip(buffer=4, regs=64), "not sorted: 'buffer'"),
        (lambda: chip(levels={"buffer": Level(per=("x",)), "regs": Level()}), "not sorted"),
        (lambda: chip(inner=[memory("buffer", 16, 1.0)]), "comes back to 'buffer'"),
        (lambda: chip(levels={"DRAM": Level(per=("x",)), "buffer": Level(per=("x",))}),
         "outermost memory"),
        (lambda: chip(axes={"x": 0, "y": 2}), "has no units"),
        (lambda: chip(rules={"even": ("L9",)}), "'L9' in .spatial. is no memory"),
        (lambda: msgspec.structs.replace(chip(), spatial=None), "no .spatial. part"),
    ])  # fmt: skip
    def test_a_hierarchy_that_is_none(self, broken, message):
        with pytest.raises(ChipError, match=message):
            machine_of(broken())

    def test_a_role_that_no_memory_serves(self):
        toy, roles = chip(), ("input", "weight")
        memories = tuple(msgspec.structs.replace(m, roles=roles) for m in toy.memory)
        deaf = msgspec.structs.replace(toy, memory=memories)
        with pytest.raises(ChipError, match="no memory of chip 'toy' serves output"):
            best_mapping(nest_of(matmul()), machine_of(deaf))

    def test_an_op_that_is_no_contraction(self):
        softmax = Op("s", Kind.SOFTMAX, {"m": 4}, (Operand(("m",), FP32, Role.INPUT),))
        with pytest.raises(InputError, match="can't run this op"):
            nest_of(softmax)


class TestEstimator:
    def test_energy_is_that_of_the_mapping(self):
        op, toy = matmul(8, 8, 8), chip()
        ledger = estimate(Graph("g", (op,)), toy)
        nest, machine = nest_of(op), machine_of(toy)
        cost = replay(nest, machine, best_mapping(nest, machine, mac_pj=1.0).mapping)
        rows = ledger.where(component=["mac", "read", "write"])
        assert rows.total().energy.value == pytest.approx((cost.energy_pj + 512) * 1e-12)
        assert ledger.total().time.value == pytest.approx(cost.cycles / 1e9 + 1e-6)
        assert ledger.total().coverage == 1
        assert ledger.meta["method"].startswith("spatial")

    def test_repeats_and_equal_shapes_cost_alike(self):
        op = matmul(8, 8, 8)
        twice = (op, replace(op, name="again"))
        pair = estimate(Graph("g", twice), chip()).total().energy.value
        thrice = estimate(Graph("g", (replace(op, repeat=2),)), chip()).total().energy.value
        assert pair == pytest.approx(thrice)

    def test_what_it_cannot_map_is_priced_by_bytes_and_listed(self):
        huge = matmul(64, 64, 64)
        tight = chip(buffer=20, rules={"outside": {"buffer": ("m",)}})
        ledger = estimate(Graph("g", (huge,)), tight)
        assert ledger.total().coverage == 1
        assert "mm" in " ".join(ledger.meta["notes"])

    def test_no_unit_for_the_format_is_unavailable(self):
        ledger = estimate(Graph("g", (matmul(4, 4, 4, fmt=FP32),)), chip())
        assert ledger.total().missing == ("mm",)
        assert "no mac unit that holds float32" in " ".join(ledger.meta["notes"])

    def test_a_bias_is_read_once(self):
        op = matmul(4, 4, 4)
        biased = replace(op, operands=(*op.operands, Operand(("n",), op.operands[0].format,
                                                             Role.WEIGHT)))  # fmt: skip
        plain, more = (estimate(Graph("g", (o,)), chip()).total().energy for o in (op, biased))
        assert more.value - plain.value == pytest.approx(4 * 8 * 100e-12)

    def test_two_activations_use_the_weight_registers(self):
        side = chip(inner=[memory("w", 64, 0.5, roles=("weight",))])
        ledger = estimate(Graph("g", (matmul(8, 8, 8, role=Role.INPUT),)), side)
        assert ("w",) in ledger.group_by("level")

    def test_latency_is_never_worse_when_it_is_the_objective(self):
        g = Graph("g", (conv(k=8, c=8, p=8, r=3, q=8, s=3),))
        times = [SpatialEstimator(o).estimate(g, chip()).total().time.value
                 for o in ("latency", "energy")]  # fmt: skip
        assert times[0] <= times[1]


class TestPage:
    """docs/spatial.md describes a whole chip in at most 40 lines."""

    PAGE = Path(__file__).parents[2] / "docs/spatial.md"

    def toml(self):
        return re.search(r"```toml\n(.*?)```", self.PAGE.read_text(), re.S)[1]

    def test_the_example_is_a_whole_chip(self, tmp_path):
        text = self.toml()
        assert f"of {len(text.splitlines())} lines" in self.PAGE.read_text()
        assert len(text.splitlines()) <= 40
        file = tmp_path / "toy.toml"
        file.write_text(text)
        graph = Graph("g", (matmul(64, 64, 64), replace(conv(k=8, c=8, p=8, r=3), name="c")))
        ledger = estimate(graph, file)
        assert ledger.total().coverage == 1
        assert ledger.meta["notes"] == []

    def test_every_key_is_explained(self):
        page = self.PAGE.read_text()
        for part in (Level, Constraint, SpatialPart):
            for name in part.__struct_fields__:
                assert name in page, name
