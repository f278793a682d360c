"""Cascades: passes, what fits, cycles and bytes, and the estimator of chips with the part."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from picojoule.chips import load_chip
from picojoule.cost import Roofline
from picojoule.cost.cascade import (
    FLAT,
    FUSEMAX,
    FUSEMAX_STALLED,
    ONE_PASS,
    SOFTMAX_THREE_PASS,
    SOFTMAX_TWO_PASS,
    THREE_PASS,
    TWO_PASS,
    UNFUSED,
    Array,
    Cascade,
    Cascades,
    Design,
    Einsum,
    Shape,
    crossing,
    design,
    evaluate,
    passes,
)
from picojoule.cost.cascade.gelu import gelu, gelu_by_table, gelu_table
from picojoule.cost.cascade.softmax import online, three_pass, two_pass
from picojoule.errors import ChipError, InputError
from picojoule.formats import parse_format
from picojoule.graph import Graph, Kind, Op, Operand, Role
from picojoule.graph.attention_loops import Attention

DESIGNS = [UNFUSED, FLAT, FUSEMAX, FUSEMAX_STALLED]
SHAPE = Shape(b=4, p=1024, m=1024, e=64, f=64)


@pytest.mark.parametrize(
    ("cascade", "rank", "least"),
    [
        (THREE_PASS, "M", 3),
        (TWO_PASS, "M", 2),
        (ONE_PASS, "M1", 1),
        (ONE_PASS, "M0", 2),  # within a tile, which stays in the array
        (THREE_PASS, "Z", 0),
        (SOFTMAX_THREE_PASS, "M", 3),
        (SOFTMAX_TWO_PASS, "M", 2),
    ],
)
def test_passes(cascade, rank, least):
    assert passes(cascade, rank) == least


def test_what_crosses_passes():
    assert crossing(THREE_PASS, "M") == ({"QK"}, {"SN"})
    assert crossing(ONE_PASS, "M1") == ()


def random_cascade(seed):
    """Each einsum loops over M or not, and reads some earlier ones, by M or at their end."""
    generator = np.random.default_rng(seed)
    einsums = []
    for i in range(int(generator.integers(2, 7))):
        reads = {}
        for earlier in einsums:
            if generator.random() < 0.5:
                by_m = "M" in earlier.ranks and generator.random() < 0.6
                reads[earlier.name] = ("M",) if by_m else ()
        ranks = ("M",) if generator.random() < 0.6 else ()
        outside = {"X": ("M",)} if generator.random() < 0.6 else {}
        einsums.append(Einsum(f"t{i}", ranks, {**reads, **outside}))
    return Cascade("random", tuple(einsums))


def names(cascade):
    return {e.name for e in cascade.einsums}


def settle(cascade, ended):
    """What has ended, with the einsums without M that can then run before the next pass."""
    found = set(ended)
    for e in cascade.einsums:
        if "M" not in e.loops and all(t in found or t not in names(cascade) for t in e.reads):
            found.add(e.name)
    return found


@given(st.integers(0, 10_000))
def test_the_bound_is_what_a_simulated_traversal_needs(seed):
    cascade = random_cascade(seed)
    least = passes(cascade, "M")
    assert runs_in(cascade, least)
    assert least == 0 or not runs_in(cascade, least - 1)


def runs_in(cascade, k):
    """Whether k traversals of M are enough when all that can run in one does."""
    ended = settle(cascade, set())
    for _ in range(k):
        running = set()
        for e in cascade.einsums:
            free = all(
                t not in names(cascade) or t in ended or ("M" in r and t in running)
                for t, r in e.reads.items()
            )
            if e.name not in ended and "M" in e.loops and free:
                running.add(e.name)
        ended = settle(cascade, ended | running)
    return ended == names(cascade)


def test_a_cycle_is_refused():
    a, b = Einsum("A", ("M",), {"B": ("M",)}), Einsum("B", ("M",), {"A": ("M",)})
    with pytest.raises(InputError, match="'A' reads what is made after it"):
        Cascade("circle", (a, b))


def test_a_recurrence_that_awaits_its_own_end_is_refused():
    a = Einsum("A", ("M",), {"X": ("M",)}, previous=("B",))
    b = Einsum("B", ("M",), {"A": ()})
    with pytest.raises(InputError, match="awaits its own end"):
        passes(Cascade("waits", (a, b)), "M")


def test_other_bad_cascades():
    a = Einsum("A", ("M",), {"X": ("M",)})
    with pytest.raises(InputError, match="two einsums"):
        Cascade("twice", (a, a))
    with pytest.raises(InputError, match="nothing makes"):
        Cascade("ghost", (dataclasses.replace(a, previous=("Z",)),))
    with pytest.raises(InputError, match="one stage"):
        Design("half", THREE_PASS, ((("QK",),),), frozenset())
    with pytest.raises(InputError, match="did you mean fusemax"):
        design("fuse-max")


@pytest.mark.parametrize("bound", DESIGNS, ids=lambda d: d.name)
def test_macs_of_the_products_are_those_of_attention(bound):
    cost = evaluate(bound, SHAPE, Array(256, 32 * 2**20))
    scores = SHAPE.b * SHAPE.p * SHAPE.m * SHAPE.e
    assert cost.actions["QK"]["mac"] == scores
    readers_of_v = [e.name for e in bound.cascade.einsums if "V" in e.reads]
    assert [cost.actions[name]["mac"] for name in readers_of_v] == [scores]


@pytest.mark.parametrize("bound", DESIGNS, ids=lambda d: d.name)
@given(p=st.integers(1, 3000), m=st.integers(1, 3000), width=st.sampled_from([32, 64, 128]))
def test_traffic_is_at_least_what_has_to_move(bound, p, m, width):
    cost = evaluate(bound, Shape(2, p, m, width, width), Array(256, 32 * 2**20))
    assert cost.traffic_b >= 2 * 2 * (2 * p + 2 * m) * width
    assert all(k.cycles > 0 for k in cost.kernels)


@pytest.mark.parametrize("bound", [UNFUSED, FUSEMAX], ids=lambda d: d.name)
def test_a_larger_buffer_never_moves_more(bound):
    shape = Shape(1, 65536, 65536, 64, 64)
    moved = [evaluate(bound, shape, Array(256, mib * 2**20)).traffic_b for mib in (4, 8, 16, 64)]
    assert moved == sorted(moved, reverse=True)


def test_fusion_and_fewer_passes_move_less_and_take_less():
    shape, array = Shape(4, 16384, 16384, 64, 64), Array(256, 32 * 2**20)
    unfused, flat, one = (evaluate(d, shape, array) for d in (UNFUSED, FLAT, FUSEMAX))
    assert unfused.traffic_b > flat.traffic_b > one.traffic_b
    times = [c.latency_s(940e6, 4e11) for c in (unfused, flat, one)]
    assert times == sorted(times, reverse=True)


def test_a_small_buffer_is_named_with_what_it_needs():
    with pytest.raises(InputError) as caught:
        evaluate(FUSEMAX, SHAPE, Array(256, 100_000))
    needed = int(str(caught.value.expected).split()[2])
    assert evaluate(FUSEMAX, SHAPE, Array(256, needed)).traffic_b > 0
    with pytest.raises(InputError):
        evaluate(FUSEMAX, SHAPE, Array(256, needed - 1))


def test_sizes_that_are_not_possible():
    with pytest.raises(InputError, match="array of no size"):
        Array(256, 0)
    with pytest.raises(InputError, match="attention of no size"):
        evaluate(FUSEMAX, Shape(1, 0, 1, 1, 1), Array(256, 1e9))


@given(st.integers(0, 1000), st.integers(1, 300), st.floats(0.1, 200))
def test_softmax_in_any_number_of_passes_is_softmax(seed, n, scale):
    x = scale * np.random.default_rng(seed).standard_normal(n)
    exact = np.exp(x - x.max()) / np.exp(x - x.max()).sum()
    for found in (three_pass(x), two_pass(x), online(x), online(x, 7)):
        np.testing.assert_allclose(found, exact, rtol=1e-12, atol=1e-290)


def test_softmax_of_what_is_no_vector():
    for bad in (np.zeros((2, 2)), np.zeros(0), np.arange(3), np.array([1.0, np.nan])):
        with pytest.raises(InputError):
            two_pass(bad)
    with pytest.raises(InputError, match="tile"):
        online(np.zeros(3), 0)


def test_a_finer_gelu_table_errs_less():
    x = np.linspace(-8, 8, 10_001)
    errors = [
        np.abs(gelu_by_table(x, gelu_table(step, int(6 / step)), step) - gelu(x)).max()
        for step in (1 / 8, 1 / 16, 1 / 32)
    ]
    assert errors == sorted(errors, reverse=True)
    # Linear interpolation errs by step² / 8 times the curvature, which is 2 φ(0) at most.
    assert errors[-1] <= (1 / 32) ** 2 / 8 * 2 / np.sqrt(2 * np.pi) * 1.01


def attention_graph(fmt="float16", repeat=1):
    loops = Attention(b=8, m=1024, n=1024, k=64, v=64, format=parse_format(fmt)).loops()
    ops = [Op(x.name, x.kind, x.dims, x.operands, repeat=repeat) for x in loops]
    half = parse_format(fmt)
    dense = Op(
        "proj",
        Kind.MATMUL,
        {"m": 1024, "n": 512, "k": 512},
        (
            Operand(("m", "k"), half, Role.INPUT),
            Operand(("k", "n"), half, Role.WEIGHT),
            Operand(("m", "n"), half, Role.OUTPUT),
        ),
    )
    return Graph("attention", (dense, *ops, dataclasses.replace(dense, name="out")))


def test_the_estimator_prices_attention_as_the_cascade_and_the_rest_by_the_roofline():
    graph, chip = attention_graph(), load_chip("fusemax")
    ours, roofline = Cascades().estimate(graph, chip), Roofline().estimate(graph, chip)
    assert list(dict.fromkeys(ours["op"].tolist())) == [op.name for op in graph.ops]
    for name in ("proj", "out"):
        same = ours.where(op=name).total()
        assert same.energy.value == roofline.where(op=name).total().energy.value
    part = ours.where(op=["scores", "softmax", "context"])
    cost = evaluate(FUSEMAX, Shape(8, 1024, 1024, 64, 64), Array(256, 16 * 2**20))
    launch_s = chip.runtime["fused"].launch_s.value
    elapsed_s = cost.latency_s(940e6, 400 * 2**30) + launch_s
    assert part.total().time.value == pytest.approx(elapsed_s)
    static_j = part.where(component="static").total().energy.value
    assert static_j == pytest.approx(elapsed_s * chip.idle_w.value)
    pj = {name: c.value for name, c in chip.cascade.pj.items()}
    dynamic = sum(part.where(component=["mac", "vector", "read", "write"])["energy_j"])
    assert dynamic == pytest.approx(cost.energy_j(pj, 3.9))
    assert ours.total().coverage == 1.0
    assert "fusemax" in ours.meta["method"]


def test_repeats_cost_their_repeats():
    chip = load_chip("fusemax")
    one, three = (Cascades().estimate(attention_graph(repeat=n), chip) for n in (1, 3))
    names = ["scores", "softmax", "context"]
    ratio = three.where(op=names).total().energy.value / one.where(op=names).total().energy.value
    assert ratio == pytest.approx(3)


def test_another_format_stays_with_the_roofline_and_is_named():
    graph, chip = attention_graph("float8_e4m3"), load_chip("fusemax")
    ledger = Cascades().estimate(graph, chip)
    assert any("float16" in note and "scores" in note for note in ledger.meta["notes"])


def test_chips_that_lack_what_the_design_needs():
    graph, chip = attention_graph(), load_chip("fusemax")
    with pytest.raises(ChipError, match="no \\[cascade\\] part"):
        Cascades().estimate(graph, load_chip("h100-sxm"))

    def with_part(**changes):
        import msgspec

        return msgspec.structs.replace(
            chip, cascade=msgspec.structs.replace(chip.cascade, **changes)
        )

    with pytest.raises(ChipError, match=r"missing constant cascade\.pj\.exp: flat needs it"):
        Cascades().estimate(graph, with_part(design="flat"))
    with pytest.raises(ChipError, match="no memory level"):
        Cascades().estimate(graph, with_part(buffer="L9"))
    with pytest.raises(InputError, match="did you mean"):
        Cascades().estimate(graph, with_part(design="flatt"))
    with pytest.raises(InputError, match=r"^scores: .*can't hold 65536 rows"):
        Cascades().estimate(graph, with_part(side=65536))


def test_a_zero_or_missing_constant_of_the_part_is_found_with_its_line(tmp_path):
    from importlib import resources

    text = (resources.files("picojoule.chips") / "catalog" / "fusemax.toml").read_text()
    zero = tmp_path / "zero.toml"
    zero.write_text(
        text.replace("pj.mac = { value = 17.16, low = 8.6", "pj.mac = { value = 0, low = 0")
    )
    with pytest.raises(ChipError, match=r"zero\.toml:\d+: cascade\.pj\.mac is not possible"):
        load_chip(zero)
    without = tmp_path / "without.toml"
    without.write_text("\n".join(x for x in text.splitlines() if not x.startswith("clock_hz")))
    with pytest.raises(ChipError, match="missing constant 'clock_hz'"):
        load_chip(without)


def test_a_chip_without_the_part_keeps_its_hash():
    import msgspec

    chip = load_chip("fusemax")
    bare = msgspec.structs.replace(chip, cascade=None)
    assert bare.hash != chip.hash
