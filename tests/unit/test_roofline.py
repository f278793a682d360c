"""The roofline against closed forms by hand, and the laws that any cost model keeps."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from picojoule.chips import (
    Chip,
    Compute,
    Constant,
    Efficiency,
    Memory,
    Runtime,
    catalogue,
    load_chip,
)
from picojoule.cost import estimate, fuse
from picojoule.errors import ChipError
from picojoule.formats import parse_format
from picojoule.graph import Edge, Graph, Kind, Op, Operand, Role
from picojoule.ledger import Ledger
from picojoule.quantity import Evidence


def k(value: float, low: float | None = None, high: float | None = None,
      evidence: Evidence = Evidence.MODELLED) -> Constant:  # fmt: skip
    return Constant(value, low or value, high or value, "by hand", evidence)


def level(name: str, capacity: float, bandwidth: float, pj: float, **more: object) -> Memory:
    return Memory(name, k(capacity), k(bandwidth, bandwidth / 2, bandwidth), k(1.0),
                  k(pj, pj / 2, pj * 2), k(pj + 1), **more)  # type: ignore[arg-type]  # fmt: skip


UNIT = Compute(
    name="core",
    kinds=("contraction", "vector"),
    peak_op_s={"float32": k(1000, 1000, 2000), "int8": k(4000)},
    pj={"float32": k(7, 5, 9), "int8": k(2, evidence=Evidence.ASSUMED)},
    efficiency=Efficiency(dense=k(0.5), depthwise=k(0.1), gemv=k(0.25)),
)
TOY = Chip(
    name="toy", title="Toy", kind="npu", idle_w=k(3, 2, 4), max_w=k(1e9),
    memory=(level("far", 1e9, 100, 10), level("near", 10_000, 400, 1)), compute=(UNIT,),
    runtime={"plain": Runtime(k(0.5, 0.25, 1.0), fused=False),
             "fused": Runtime(k(0.5), fused=True, efficiency={"float32": Efficiency(k(1.0))})},
)  # fmt: skip
F32, I8, I4, BF16 = (parse_format(f) for f in ("float32", "int8", "int4", "bfloat16"))


def matmul(m: int = 8, n: int = 8, k: int = 10, a: str = "float32", w: str = "float32",
           name: str = "mm", repeat: int = 1) -> Op:  # fmt: skip
    fa, fw = parse_format(a), parse_format(w)
    operands = (Operand(("m", "k"), fa, Role.INPUT), Operand(("k", "n"), fw, Role.WEIGHT),
                Operand(("m", "n"), fa, Role.OUTPUT))  # fmt: skip
    return Op(name, Kind.MATMUL, {"m": m, "n": n, "k": k}, operands, module="mod", repeat=repeat)


def pointwise(n: int = 64, inputs: int = 1, kind: Kind = Kind.ELEMENTWISE, name: str = "ew",
              fmt: str = "float32") -> Op:  # fmt: skip
    f = parse_format(fmt)
    reads = tuple(Operand(("e",), f, Role.INPUT) for _ in range(inputs))
    return Op(name, kind, {"e": n}, (*reads, Operand(("e",), f, Role.OUTPUT)))


def graph(*ops: Op, edges: Sequence[tuple[int, int, int]] = ()) -> Graph:
    return Graph("g", ops, tuple(Edge(*e) for e in edges))


def lines(ledger: Ledger) -> dict[tuple[str, str, str], dict[str, float]]:
    keys = zip(ledger["component"], ledger["level"], ledger["operand"], strict=True)
    columns = ("count", "energy_j", "low_j", "high_j", "time_s", "low_s", "high_s", "evidence")
    return {tuple(map(str, key)): {c: float(ledger[c][i]) for c in columns}
            for i, key in enumerate(keys)}  # fmt: skip


def test_compute_bound_matmul_by_hand() -> None:
    # 8*8*10 = 640 MAC; bytes: input 320, weight 320, output 256; all in half of `near`.
    got = lines(estimate(graph(matmul()), TOY))
    assert set(got) == {
        ("mac", "core", "float32"), ("read", "near", "input"), ("read", "near", "weight"),
        ("write", "near", "output"), ("launch", "host", ""), ("static", "chip", "near"),
    }  # fmt: skip
    mac = got["mac", "core", "float32"]
    assert mac["count"] == 640
    assert mac["energy_j"] == pytest.approx(640 * 7e-12)
    assert (mac["low_j"], mac["high_j"]) == pytest.approx((640 * 5e-12, 640 * 9e-12))
    # compute 640/(1000*0.5) = 1.28 s; near 896/400 = 2.24 s bounds it.
    assert mac["time_s"] == 0
    assert got["read", "near", "input"]["time_s"] == pytest.approx(2.24)
    assert got["read", "near", "input"]["energy_j"] == pytest.approx(320 * 8e-12)
    assert got["write", "near", "output"]["energy_j"] == pytest.approx(256 * 8 * 2e-12)
    assert got["launch", "host", ""]["time_s"] == 0.5
    assert got["launch", "host", ""]["energy_j"] == 0
    static = got["static", "chip", "near"]
    assert static["count"] == pytest.approx(2.74)
    assert static["energy_j"] == pytest.approx(3 * 2.74)
    assert static["low_j"] == pytest.approx(2 * (2.24 + 0.25))
    assert static["high_j"] == pytest.approx(4 * (4.48 + 1.0))


def test_low_and_high_times_take_their_own_bound() -> None:
    # compute 6400/500 = 12.8 s; low 6400/(2000*0.5) = 6.4 s; near 6656/400 = 16.64 s, high 33.28 s.
    roomy = msgspec.structs.replace(TOY, memory=(TOY.memory[0], level("near", 1e6, 400, 1)))
    time_s = estimate(graph(matmul(k=100)), roomy).total().time
    assert time_s.value == pytest.approx(6656 / 400 + 0.5)
    assert time_s.low == pytest.approx(6656 / 400 + 0.25)
    assert time_s.high == pytest.approx(6656 / 200 + 1.0)


def test_compute_bound_when_memory_is_fast() -> None:
    fast = msgspec.structs.replace(TOY, memory=(level("far", 1e9, 1e9, 10),))
    got = lines(estimate(graph(matmul()), fast))
    assert got["mac", "core", "float32"]["time_s"] == pytest.approx(1.28)
    assert got["mac", "core", "float32"]["low_s"] == pytest.approx(0.64)
    assert ("static", "chip", "core") in got


def test_efficiency_by_shape() -> None:
    fast = msgspec.structs.replace(TOY, memory=(level("far", 1e9, 1e9, 10),))

    def seconds(op: Op) -> float:
        return float(estimate(graph(op), fast).where(component="mac")["time_s"].sum())

    assert seconds(matmul(m=1, n=80)) == pytest.approx(800 / 250)
    assert seconds(matmul(m=8, n=10)) == pytest.approx(800 / 500)
    dims = {"n": 1, "g": 16, "k": 1, "c": 1, "p": 4, "q": 4, "r": 3, "s": 3}
    operands = (Operand(("n", "g", "c", "p", "q"), F32, Role.INPUT),
                Operand(("g", "k", "c", "r", "s"), F32, Role.WEIGHT),
                Operand(("n", "g", "k", "p", "q"), F32, Role.OUTPUT))  # fmt: skip
    depthwise = Op("dw", Kind.CONV, dims, operands)
    assert seconds(depthwise) == pytest.approx(16 * 16 * 9 / 100)
    dense = replace(depthwise, dims=dims | {"g": 1, "k": 16})
    assert seconds(dense) == pytest.approx(16 * 16 * 9 / 500)
    squeeze = replace(depthwise, dims=dims | {"g": 1, "k": 64, "p": 1, "q": 1})
    assert seconds(squeeze) == pytest.approx(64 * 9 / 250)


def test_data_pays_its_level_and_those_inside() -> None:
    # 48 kB exceed half of `near`, so activations come from `far`; 4 kB of weights stay.
    got = lines(estimate(graph(matmul(m=100, n=100, k=10)), TOY))
    assert got["read", "far", "input"]["count"] == got["read", "near", "input"]["count"] == 4000
    assert got["write", "far", "output"]["energy_j"] == pytest.approx(40_000 * 8 * 11e-12)
    assert got["write", "far", "output"]["time_s"] == pytest.approx(44_000 / 100)


def test_weights_stay_only_if_all_of_them_fit() -> None:
    one = estimate(graph(matmul()), TOY)
    many = estimate(graph(*(matmul(name=f"m{i}") for i in range(20))), TOY)
    assert not len(one.where(component="read", level="far"))
    assert len(many.where(component="read", level="far", operand="weight")) == 20
    assert not len(many.where(component="read", level="far", operand="input"))


def test_on_chip_never_touches_the_outermost_level() -> None:
    op = matmul(m=100, n=100)
    inside = replace(op, operands=(*op.operands[:2], replace(op.operands[2], on_chip=True)))
    got = lines(estimate(graph(inside), TOY))
    assert ("write", "far", "output") not in got
    assert got["write", "near", "output"]["count"] == 40_000
    flat = msgspec.structs.replace(TOY, memory=TOY.memory[:1])
    assert ("write", "far", "output") not in lines(estimate(graph(inside), flat))


def test_roles_split_side_by_side_memories() -> None:
    flash = level("flash", 1e6, 100, 10, roles=("weight",))
    sram = level("sram", 1e5, 400, 1, roles=("input", "output", "state"))
    mcu = msgspec.structs.replace(TOY, memory=(flash, sram))
    got = lines(estimate(graph(matmul()), mcu))
    assert ("read", "flash", "weight") in got
    assert ("read", "sram", "weight") not in got
    assert ("read", "flash", "input") not in got


def test_narrow_formats_fall_back_and_say_so() -> None:
    weights4 = estimate(graph(matmul(w="int4")), TOY)
    assert ("mac", "core", "float32") in lines(weights4)
    assert lines(weights4)["read", "near", "weight"]["count"] == 40
    both4 = estimate(graph(matmul(a="int4", w="int4"), matmul(a="int4", w="int4", name="b")), TOY)
    assert ("mac", "core", "int8") in lines(both4)
    assert len(both4.meta["notes"]) == 1
    assert "int4" in both4.meta["notes"][0]
    assert ("mac", "core", "float32") in lines(estimate(graph(matmul(a="bf16", w="bf16")), TOY))
    plain = estimate(graph(matmul(a="int8", w="int8")), TOY)
    assert plain.meta["notes"] == []
    assert estimate(graph(matmul(a="uint8", w="int8")), TOY).meta["notes"] == []


def test_no_unit_is_unavailable_never_zero() -> None:
    ledger = estimate(graph(matmul(a="float64", w="float64")), TOY)
    mac = ledger.where(component="mac")
    assert math.isnan(mac["energy_j"][0])
    assert ledger.total().coverage < 1
    assert ledger.total().missing == ("mm",)
    assert "float64" in ledger.meta["notes"][0]


def test_wide_integers_take_passes() -> None:
    once = estimate(graph(pointwise(fmt="int8")), TOY).where(component="vector")
    wide = estimate(graph(pointwise(fmt="int64")), TOY).where(component="vector")
    assert once["energy_j"][0] == pytest.approx(64 * 2e-12)
    assert wide["energy_j"][0] == pytest.approx(2 * 64 * 7e-12)
    assert wide["count"][0] == 64


def test_custom_ops_are_priced_by_bytes_and_listed() -> None:
    ledger = estimate(graph(pointwise(kind=Kind.CUSTOM, name="odd"), matmul()), TOY)
    assert ledger.meta["uncounted"] == ["odd"]
    assert ledger.total().missing == ("odd",)
    assert ledger.where(op="odd", component=["read", "write"])["energy_j"].sum() > 0
    assert any("unknown work" in note for note in ledger.meta["notes"])


@pytest.mark.parametrize("kind", [Kind.COPY, Kind.GATHER])
def test_moves_cost_bytes(kind: Kind) -> None:
    ledger = estimate(graph(pointwise(kind=kind)), TOY)
    assert ledger.total().coverage == 1
    assert not len(ledger.where(component=["mac", "vector"]))
    assert ledger.where(component="read")["count"].sum() == 256


def test_evidence_is_the_weakest_that_enters() -> None:
    got = lines(estimate(graph(matmul(a="int8", w="int8")), TOY))
    assert got["mac", "core", "int8"]["evidence"] == Evidence.ASSUMED
    assert got["read", "near", "weight"]["evidence"] == Evidence.MODELLED


def test_meta_says_where_the_numbers_come_from() -> None:
    traced = replace(graph(matmul()), notes=("a note",))
    meta = estimate(traced, TOY).meta
    assert meta["chip_hash"] == TOY.hash
    assert (meta["model"], meta["chip"], meta["runtime"]) == ("g", "toy", "plain")
    assert (meta["method"], meta["graph_notes"]) == ("roofline", ["a note"])
    assert meta["counts"] == {"macs": 640, "vector_ops": 0, "bytes": 896.0}


def test_notes_on_capacity_and_power() -> None:
    tight = msgspec.structs.replace(TOY, max_w=k(1), memory=(level("far", 100, 1e3, 10),))
    notes = " ".join(estimate(graph(matmul()), tight).meta["notes"])
    assert "toy has 100 B" in notes
    assert "1 W limit" in notes


def test_repeat_multiplies() -> None:
    once, five = (estimate(graph(matmul(repeat=r)), TOY) for r in (1, 5))
    for name in ("count", "energy_j", "low_j", "high_j", "time_s", "low_s", "high_s"):
        assert five[name] == pytest.approx(5 * once[name])


def test_names_and_runtimes() -> None:
    ledger = estimate(graph(matmul()), TOY, runtime="fused")
    assert set(ledger["module"]) == {"mod"}
    assert set(ledger["phase"]) == {"forward"}
    with pytest.raises(ChipError, match="no runtime"):
        estimate(graph(matmul()), TOY, runtime="jit")
    with pytest.raises(ChipError, match="unknown chip"):
        estimate(graph(matmul()), "abacus")
    with pytest.raises(ChipError, match="can't read"):
        estimate(graph(matmul()), Path("nowhere.toml"))


def test_empty_graph() -> None:
    assert len(estimate(graph(), TOY)) == 0


CHAIN = graph(matmul(10, 10, 10), pointwise(100), pointwise(100, inputs=2, name="add"),
              pointwise(100, kind=Kind.NORM, name="norm"),
              edges=[(0, 1, 0), (1, 2, 1), (2, 3, 0)])  # fmt: skip


def test_fusion_marks_both_ends() -> None:
    fused = fuse(CHAIN)
    assert [[o.on_chip for o in op.operands] for op in fused.ops] == [
        [False, False, True], [True, True], [False, True, True], [True, False],
    ]  # fmt: skip
    ledger = estimate(CHAIN, TOY, "fused")
    assert ledger.where(component="launch")["op"].tolist() == ["mm"]
    assert estimate(CHAIN, TOY).where(component="launch")["count"].sum() == 4


def test_fusion_needs_a_single_consumer_and_takes_one_producer() -> None:
    shared = graph(matmul(), pointwise(), pointwise(name="b"), edges=[(0, 1, 0), (0, 2, 0)])
    assert fuse(shared) == shared
    pair = graph(matmul(), matmul(name="late"), pointwise(inputs=2), edges=[(1, 2, 0), (0, 2, 1)])
    assert [o.on_chip for o in fuse(pair).ops[2].operands] == [True, False, False]
    assert not fuse(pair).ops[0].operands[2].on_chip
    odd = graph(pointwise(kind=Kind.CUSTOM), pointwise(name="b"), edges=[(0, 1, 0)])
    assert fuse(odd) == odd
    pool = graph(matmul(), pointwise(kind=Kind.POOL), edges=[(0, 1, 0)])
    assert fuse(pool) == pool


def total_j(ledger: Ledger) -> float:
    return ledger.total().energy.value


small = st.integers(1, 300)


@st.composite
def chains(draw: st.DrawFn) -> Graph:
    n = draw(st.integers(1, 6))
    ops = [matmul(draw(small), draw(small), draw(small), name="op0")]
    ops += [pointwise(draw(small), draw(st.integers(1, 2)), name=f"op{i}") for i in range(1, n)]
    edges = [Edge(draw(st.integers(0, i - 1)), i, 0) for i in range(1, n)]
    return Graph("g", tuple(ops), tuple(edges))


@given(chains())
def test_fused_never_costs_more(g: Graph) -> None:
    unfused = msgspec.structs.replace(TOY.runtime["fused"], fused=False)
    loose = msgspec.structs.replace(TOY, runtime={**TOY.runtime, "unfused": unfused})
    a, b = (estimate(g, loose, runtime).total() for runtime in ("fused", "unfused"))
    assert a.energy.value <= b.energy.value * (1 + 1e-12)
    assert a.time.value <= b.time.value * (1 + 1e-12)


@given(small, small, small, small)
def test_more_work_never_costs_less(m: int, n: int, kk: int, extra: int) -> None:
    less, more = (estimate(graph(matmul(m, n, x)), TOY).total() for x in (kk, kk + extra))
    assert less.energy.value <= more.energy.value
    # A longer reduction keeps the op's shape class, so its time can't fall either.
    assert less.time.value <= more.time.value


@given(small, st.sampled_from(["int4", "int8", "float32"]))
def test_more_bytes_never_cost_less(n: int, narrow: str) -> None:
    thin = estimate(graph(matmul(n, 16, 16, w=narrow)), TOY).total()
    assert thin.energy.value <= total_j(estimate(graph(matmul(n, 16, 16)), TOY)) * (1 + 1e-12)


@given(chains())
def test_laws_of_a_ledger(g: Graph) -> None:
    ledger = estimate(g, TOY)
    total = ledger.total()
    assert total.energy.value == pytest.approx(ledger["energy_j"].sum())
    assert total.energy.low <= total.energy.value <= total.energy.high
    assert total.time.low <= total.time.value <= total.time.high
    assert (ledger["low_s"] <= ledger["time_s"] + 1e-15).all()
    # Static power runs exactly as long as the ops do.
    static = ledger.where(component="static")["count"].sum()
    assert static == pytest.approx(total.time.value)
    assert Ledger.from_dict(ledger.to_dict()).total() == total


@given(chains())
def test_twice_the_ops_cost_twice_the_activations(g: Graph) -> None:
    # Without a cache the weights' residency can't change, so everything doubles.
    flat = msgspec.structs.replace(TOY, memory=TOY.memory[:1])
    double = g.with_ops(g.ops + tuple(replace(op, name=op.name + "'") for op in g.ops))
    assert total_j(estimate(double, flat)) == pytest.approx(2 * total_j(estimate(g, flat)))


@pytest.mark.parametrize("chip", catalogue())
def test_every_catalogue_chip_prices_its_formats(chip: str) -> None:
    loaded = load_chip(chip)
    for runtime in loaded.runtime:
        for unit in loaded.compute:
            for fmt in unit.pj:
                op = (
                    matmul(64, 64, 64, fmt, fmt)
                    if "contraction" in unit.kinds
                    else pointwise(fmt=fmt)
                )
                total = estimate(graph(op), loaded, runtime).total()
                assert total.coverage == 1
                assert total.energy.low < total.energy.value < total.energy.high


@pytest.mark.parametrize(("m", "low_w", "high_w"), [(8192, 560, 700), (1, 380, 600)])
def test_h100_gemm_and_gemv_draw_plausible_power(m: int, low_w: float, high_w: float) -> None:
    # A large GEMM runs near the 700 W limit. Weight streaming: 380 W in the power model of
    # Splitwise, 498 W at 2.2 of 3.35 TB/s in ML.ENERGY v3 (Llama-3.1-8B, batch 8), gaps included.
    total = estimate(graph(matmul(m, 8192, 8192, "float16", "float16")), "h100-sxm").total()
    assert low_w < total.energy.value / total.time.value < high_w


def test_thousands_of_ops_take_a_moment() -> None:
    layer = [matmul(2048, 1024, 512 + i, "bfloat16", "bfloat16", f"w{i}") for i in range(12)]
    ops = tuple(replace(op, name=f"{op.name}.{i}") for i in range(250) for op in layer)
    chip = load_chip("h100-sxm")
    start = time.process_time()
    ledger = estimate(Graph("big", ops), chip)
    assert time.process_time() - start < 0.6  # 0.05 s on an idle core
    assert np.unique(ledger["op"]).size == 3000
